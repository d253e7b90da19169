"""Parts beside loss and targets: importances, memory, freezing, fusion, initialisation."""
