"""JSON shapes shared by server, client and files, a module per noun (受け渡しの形)."""
