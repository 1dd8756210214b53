"""One run: request, session, folder, result, status, report."""
