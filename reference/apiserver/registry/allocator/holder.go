package allocator

import "strings"

// parseHolder reads namespace/name; what is not of that form is nobody.
func parseHolder(s string) Holder {
	namespace, name, ok := strings.Cut(s, "/")
	if !ok {
		return Holder{}
	}
	return Holder{Namespace: namespace, Name: name}
}
