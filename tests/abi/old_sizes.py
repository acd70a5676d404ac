"""old_sizes.py PROGRAM: runs old_sizes with every size that a structure with struct_size ever had, from the ledger."""
import os
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "tools"))
import abi_ledger  # noqa: E402  (found by the line above)

ledger = abi_ledger.load(abi_ledger.Project(ROOT), "types.txt")
sized = {key[1] for key, (_, text) in ledger.items() if key[0] == "struct" and text.endswith(" sized")}
pairs = [(key[1], text) for key, (_, text) in ledger.items() if key[0] == "size" and key[1] in sized]
if not pairs:
    sys.exit("the ledger names no structure with struct_size")
print(f"{len(pairs)} sizes of {len(sized)} structures")
sys.exit(subprocess.run([sys.argv[1], *(word for pair in pairs for word in pair)]).returncode)
