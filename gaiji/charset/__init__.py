"""Bytes and characters (文字コード): charsets as data, mapping tables, the conversion engine."""
