"""The built-in council (見本の協議会): what eight cities would hand in, made from a seed."""
