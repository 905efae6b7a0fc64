"""python3 -m placer_export, or python3 tools/export/placer_export."""

import os
import sys

if not __package__:  # started by its path: make the folder importable as a package
    sys.path[0] = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))

os.environ.setdefault("OMP_NUM_THREADS", "1")
from placer_export.cli import main  # noqa: E402

sys.exit(main())
