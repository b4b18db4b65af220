"""What Fortnox demands of a new employee: its codes, in the order the forms offer them.

The codes are Fortnox's own (``PersonelType`` is spelt so there); their words stand in the texts. What a company
chooses once is remembered for it, and never guessed.
"""

from __future__ import annotations

PERSONEL_TYPES = ("TJM", "ARB")
"""Salaried employee, worker: decides which agreement Fortnox assigns."""

EMPLOYMENT_FORMS = ("TV", "PRO", "TID", "SVT", "VIK", "PRJ", "PRA", "FER", "SES", "NEJ")
"""Permanent, trial, fixed-term and so on."""

SALARY_FORMS = ("MAN", "TIM")
"""Monthly or hourly pay."""
