"""The Huma ↔ Fortnox integration: one person, the same in HR and in payroll."""
