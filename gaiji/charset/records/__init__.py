"""Record layouts (レコードレイアウト): where in a file the text stands, and conversion field by field."""
