"""Parts besides loss terms and targets: importances, memory, freezing, fusion, initialisation."""
