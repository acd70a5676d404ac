"""Which public name is explained where."""
from dataclasses import dataclass

KINDS = {"handle": "handle", "struct": "structure", "enum": "enumeration", "constants": "constant", "function": "function",
         "callback": "callback", "macro": "macro"}


@dataclass
class Symbol:
    name: str
    kind: str
    header: str

    def address(self, root):
        return f"{root}api/{self.header}.html#{self.name}"


def collect(headers):
    """{name: Symbol} of everything the headers declare, enum values included."""
    found = {}
    for header in headers:
        for entry in header.entries:
            for declaration in entry.declarations:
                if declaration.kind != "constants":
                    found[declaration.name] = Symbol(declaration.name, KINDS[declaration.kind], header.name)
                for name in declaration.names:
                    if name != declaration.name or declaration.kind == "constants":
                        kind = "value of " + declaration.name if declaration.kind == "enum" else "constant"
                        found[name] = Symbol(name, kind, header.name)
    return found
