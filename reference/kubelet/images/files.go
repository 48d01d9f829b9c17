package images

import (
	"context"
	"encoding/json"
	"os"

	"github.com/distribution/reference"
	v1 "k8s.io/api/core/v1"
)

// Files are docker configuration files on the node; those that are missing, or are none, are passed over. They are
// read at each pull, so that a login on the node counts at once.
func Files(paths ...string) NodeCredentials { return files(paths) }

type files []string

// For returns the logins that fit the image.
func (f files) For(_ context.Context, _ *v1.Pod, image reference.Named) []Credential {
	var all []entry
	for _, path := range f {
		text, err := os.ReadFile(path)
		if err != nil {
			continue
		}
		all = append(all, entries(parseLogins(text), nil)...)
	}
	return matching(all, image)
}

// parseLogins reads either form of a docker configuration: config.json, or .dockercfg, which has the logins alone.
func parseLogins(text []byte) map[string]login {
	var file struct {
		Auths map[string]login `json:"auths"`
	}
	if json.Unmarshal(text, &file) == nil && file.Auths != nil {
		return file.Auths
	}
	bare := map[string]login{}
	if json.Unmarshal(text, &bare) != nil {
		return nil
	}
	return bare
}
