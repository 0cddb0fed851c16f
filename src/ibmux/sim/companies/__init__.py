"""What is known beside prices: companies, scans, news, bulletins, reports and calendars."""
