"""man_page.py PAGE SNARM: docs/snarm.1 names every option of every command, in that command's section, and no other; and groff reads it."""
import re
import shutil
import subprocess
import sys

page_path, program = sys.argv[1:]
with open(page_path, encoding="utf-8") as file:
    page = file.read().replace("\\-", "-")
problems = []


def output(*arguments):
    return subprocess.run([program, *arguments], check=True, capture_output=True, text=True).stdout


def options(text, pattern):
    return set(re.findall(pattern, text, re.M))


HELP, PAGE = r"^  --([a-z-]+)", r"^\.BI? --([a-z-]+)(?: |$)"
sections = dict(re.findall(r"^\.SS snarm (\w+)\n(.*?)(?=^\.S[SH])", page, re.M | re.S))
commands = re.findall(r"^  ([a-z]+) +\w", output("--help").split("snarm COMMAND --help")[0], re.M)
everywhere = options(page[page.index(".SH OPTIONS OF EVERY COMMAND"):page.index(".SH EXIT STATUS")], PAGE)
if set(commands) != set(sections) or len(commands) < 2:
    problems.append(f"the command has {commands}, the page {list(sections)}")
for command in sorted(set(commands) & set(sections)):
    section, shared = sections[command], set()
    if "And all options of\n.B snarm fit\nbut\n" in section:
        section, but = section.split("And all options of\n.B snarm fit\nbut\n")
        shared = options(sections["fit"], PAGE) - set(re.findall(r"--([a-z-]+)", but))
    helped, described = options(output(command, "--help"), HELP), options(section, PAGE) | shared | everywhere
    problems += [f"snarm {command}: --{name} is in --help, but not in the page" for name in sorted(helped - described)]
    problems += [f"snarm {command}: --{name} is in the page, but not in --help" for name in sorted(described - helped)]
    if f".B snarm {command}\n" not in page[:page.index(".SH DESCRIPTION")]:
        problems.append(f"snarm {command}: not in the synopsis")
version = output("--version").split()[1]
if f'"libsnarm {version}"' not in page:
    problems.append(f"the page's heading is not of version {version}")
if shutil.which("groff"):
    groff = subprocess.run(["groff", "-man", "-ww", "-Tutf8", page_path], capture_output=True, text=True)
    problems += [f"groff: {line}" for line in groff.stderr.splitlines()]
print(f"{len(commands)} commands, {len(problems)} problems")
print("\n".join(problems))
sys.exit(1 if problems else 0)
