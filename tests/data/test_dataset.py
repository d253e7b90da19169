"""Where places arrive, training and test images form one pool."""


def test_the_pool_holds_the_images_to_learn_from_first(places):
    pool = places.pool
    assert (len(pool), pool.domains) == (12, ("b",) * 5 + ("a",) * 3 + ("c",) * 4)
    assert (pool.images[2] == places.train.images[2]).all()
    assert (pool.images[9] == places.test.images[1]).all()
    assert pool.present.shape == (12, 5)
