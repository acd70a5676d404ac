"""embed.py TEMPLATE FILE OUTPUT: the template with FILE's path for @FILE@, as an assembler's string."""
import os
import sys

template, path, output = sys.argv[1:]
quoted = os.path.abspath(path).replace("\\", "\\\\").replace('"', '\\"')
with open(template, encoding="ascii") as file:
    source = file.read()
with open(output, "w", encoding="utf-8") as file:
    file.write(source.replace('"@FILE@"', f'"{quoted}"'))
