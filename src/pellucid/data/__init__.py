"""What goes in: tables with a schema, files, data sets by name, and planted truths."""
