"""requirements.txt read as pip reads it: files to lines, lines to pins, or the reason why not."""
