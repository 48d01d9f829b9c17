package bootstrap

import (
	"maps"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/etalon-dev/etalon/reference/auth/bootstraptoken"
)

// signed returns data with the signature of every token that signs, and none of others.
func signed(data map[string]string, secrets []*corev1.Secret, now time.Time) (map[string]string, error) {
	out := maps.Clone(data)
	maps.DeleteFunc(out, func(key, _ string) bool { return strings.HasPrefix(key, bootstraptoken.SignaturePrefix) })
	content, ok := data[bootstraptoken.KeyKubeconfig]
	if !ok {
		return out, nil
	}
	for _, s := range secrets {
		id, secret := string(s.Data[bootstraptoken.KeyID]), string(s.Data[bootstraptoken.KeySecret])
		if _, _, err := bootstraptoken.Split(id + "." + secret); err != nil || !token(s) || s.Name != bootstraptoken.SecretPrefix+id ||
			string(s.Data[bootstraptoken.KeySigning]) != "true" {
			continue
		}
		if end, limited := expiration(s); limited && !now.Before(end) {
			continue
		}
		signature, err := bootstraptoken.Sign(content, id, secret)
		if err != nil {
			return nil, err
		}
		out[bootstraptoken.SignaturePrefix+id] = signature
	}
	return out, nil
}

func token(s *corev1.Secret) bool {
	return s.Type == corev1.SecretTypeBootstrapToken && s.DeletionTimestamp == nil
}

// expiration returns when the token ends, false if it never does. One whose end cannot be read has ended already.
func expiration(s *corev1.Secret) (time.Time, bool) {
	text := string(s.Data[bootstraptoken.KeyExpiration])
	if text == "" {
		return time.Time{}, false
	}
	end, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return time.Time{}, true
	}
	return end, true
}
