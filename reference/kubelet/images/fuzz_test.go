package images

import (
	"testing"

	"github.com/distribution/reference"
	v1 "k8s.io/api/core/v1"
)

// Whatever a Secret says, it gives logins or none, and they are for images of registries that it names.
func FuzzLogins(f *testing.F) {
	f.Add([]byte(`{"auths":{"https://a.example/v1/":{"auth":"YTpi"}}}`), "a.example/x")
	f.Add([]byte(`{"*.example":{"username":"a"},"":{"auth":"="},"http://":{}}`), "b.example:5000/x/y:1")
	f.Add([]byte(`{"auths":{"a.example/[":{"auth":"YTpi"},"/":{}}}`), "x")
	f.Fuzz(func(t *testing.T, text []byte, image string) {
		named, err := reference.ParseNormalizedNamed(image)
		if err != nil {
			return
		}
		for kind, key := range map[v1.SecretType]string{v1.SecretTypeDockerConfigJson: v1.DockerConfigJsonKey, v1.SecretTypeDockercfg: v1.DockerConfigKey} {
			secret := &v1.Secret{Type: kind, Data: map[string][]byte{key: text}}
			all := entries(logins(secret), secret)
			if got := matching(all, named); len(got) > len(all) {
				t.Errorf("%d logins of %d", len(got), len(all))
			}
		}
		matching(entries(parseLogins(text), nil), named)
	})
}
