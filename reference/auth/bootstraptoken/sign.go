package bootstraptoken

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
)

// ClusterInfo is the ConfigMap in kube-public that tells anyone how to reach the cluster, and proves to those who know a
// token that it is genuine (docs: reference/access-authn-authz/bootstrap-tokens#configmap-signing).
const (
	ClusterInfo = "cluster-info"
	// KeyKubeconfig is the key of a kubeconfig without a user; SignaturePrefix goes before a token's ID in the keys of signatures.
	KeyKubeconfig   = "kubeconfig"
	SignaturePrefix = "jws-kubeconfig-"

	// KeySigning of a Secret says that its token signs, KeyDescription what it is for.
	KeySigning     = "usage-bootstrap-signing"
	KeyDescription = "description"
)

// Split returns the ID and the secret of a token, ID.SECRET.
func Split(token string) (id, secret string, err error) {
	parts := tokenFormat.FindStringSubmatch(token)
	if parts == nil {
		return "", "", fmt.Errorf("the token is not of the form %s", tokenFormat)
	}
	return parts[1], parts[2], nil
}

// Sign signs content with a token: a JSON Web Signature by HS256 in its compact form, from which the content is left out.
func Sign(content, id, secret string) (string, error) {
	header, err := json.Marshal(map[string]string{"alg": "HS256", "kid": id})
	if err != nil {
		return "", err
	}
	head := base64.RawURLEncoding.EncodeToString(header)
	return head + ".." + base64.RawURLEncoding.EncodeToString(mac(head, content, secret)), nil
}

// Verify tells whether the signature is that of a token over the content.
func Verify(signature, content, id, secret string) bool {
	parts := strings.Split(signature, ".")
	if len(parts) != 3 || parts[1] != "" {
		return false
	}
	text, err := base64.RawURLEncoding.DecodeString(parts[0])
	if err != nil {
		return false
	}
	var header struct{ Alg, Kid string }
	if json.Unmarshal(text, &header) != nil || header.Alg != "HS256" || header.Kid != id {
		return false
	}
	given, err := base64.RawURLEncoding.DecodeString(parts[2])
	return err == nil && hmac.Equal(given, mac(parts[0], content, secret))
}

func mac(head, content, secret string) []byte {
	m := hmac.New(sha256.New, []byte(secret))
	m.Write([]byte(head + "." + base64.RawURLEncoding.EncodeToString([]byte(content))))
	return m.Sum(nil)
}
