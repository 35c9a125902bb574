"""The model of Windows: its state, and the programs that read and change it. Nothing here knows of WinRM or Wine."""
