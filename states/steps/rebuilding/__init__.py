"""Making a guest's own disks anew, with the operator's consent."""
