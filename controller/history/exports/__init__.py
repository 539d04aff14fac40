"""The history in the formats of others: CSV, JSON, FHIR and a report to print; and JSON back into the history."""
