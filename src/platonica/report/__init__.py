"""Reports of comparisons: tables, figures, one HTML page. They read records, never compute scores.

- `write_report` : a run document to one self-contained HTML file
- `comparison_table`, `comparison_text` : records to a terminal table, to plain text
"""

from __future__ import annotations

from platonica.report.html import render_report, write_report
from platonica.report.tables import comparison_table, comparison_text

__all__ = ["comparison_table", "comparison_text", "render_report", "write_report"]
