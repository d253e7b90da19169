"""Reading data sets from disk: files are paired, checked, decoded and stored."""
