"""What people see: the settings pages, the e-mails and their texts."""
