"""One file per filter: `reject(state, request)` gives the reason why the host cannot take the request, None when it can."""
