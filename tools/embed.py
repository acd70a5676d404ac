"""Files as C arrays: embed.py OUTPUT HEADER NAME=FILE...

Writes OUTPUT, which includes HEADER and defines for each NAME an array of the file's bytes, const char NAME[], and its length,
const size_t NAME_size.
"""
import sys

output, header, *pairs = sys.argv[1:]
lines = [f'#include "{header}"\n']
for pair in pairs:
    name, path = pair.split("=", 1)
    with open(path, "rb") as file:
        content = file.read()
    if not content.isascii():
        sys.exit(f"{path}: holds bytes that are not ASCII")
    lines.append(f"const char {name}[] = {{")
    for start in range(0, len(content), 32):
        lines.append("    " + ",".join(str(byte) for byte in content[start : start + 32]) + ",")
    lines.append(f"}};\nconst size_t {name}_size = {len(content)};\n")
with open(output, "w", encoding="ascii") as file:
    file.write("\n".join(lines))
