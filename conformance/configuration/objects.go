// Package configuration judges the area "configuration": ConfigMaps, Secrets and ServiceAccounts.
package configuration

import (
	"net/http"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	. "github.com/etalon-dev/etalon/conformance/framework"
)

func configMap(name string, data map[string]string) *corev1.ConfigMap {
	return &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: name}, Data: data}
}

func secret(name string, data map[string]string) *corev1.Secret {
	return &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: name}, StringData: data}
}

var _ = Describe("ConfigMaps and Secrets as objects", func() {
	f := New()

	f.It("configuration/secret-data", func(ctx SpecContext) {
		s := secret("mixed", map[string]string{"plain": "text", "both": "from stringData"})
		s.Data = map[string][]byte{"raw": {0, 1, 255}, "both": []byte("from data")}
		f.Create(ctx, s)
		f.Get(ctx, s)
		Expect(s.StringData).To(BeEmpty())
		Expect(s.Data).To(Equal(map[string][]byte{"raw": {0, 1, 255}, "plain": []byte("text"), "both": []byte("from stringData")}))
		raw, err := f.API.CoreV1().RESTClient().Get().Namespace(f.Namespace).Resource("secrets").Name("mixed").
			SetHeader("Accept", "application/json").DoRaw(ctx)
		Expect(err).NotTo(HaveOccurred())
		Expect(string(raw)).To(ContainSubstring(`"plain":"dGV4dA=="`))
	})

	f.It("configuration/secret-types", func(ctx SpecContext) {
		plain := secret("plain", nil)
		f.Create(ctx, plain)
		Expect(plain.Type).To(Equal(corev1.SecretTypeOpaque))
		for kind, field := range map[corev1.SecretType]string{
			corev1.SecretTypeTLS: "data[tls.crt]", corev1.SecretTypeDockerConfigJson: "data[.dockerconfigjson]",
			corev1.SecretTypeSSHAuth: "data[ssh-privatekey]", corev1.SecretTypeServiceAccountToken: "metadata.annotations[kubernetes.io/service-account.name]",
		} {
			s := secret("lacking", nil)
			s.Type = kind
			MustBeInvalid(f.TryCreate(ctx, s), field)
		}
		for name, s := range map[string]*corev1.Secret{
			"tls":    {Type: corev1.SecretTypeTLS, StringData: map[string]string{"tls.crt": "", "tls.key": ""}},
			"docker": {Type: corev1.SecretTypeDockerConfigJson, StringData: map[string]string{".dockerconfigjson": `{"auths":{}}`}},
			"ssh":    {Type: corev1.SecretTypeSSHAuth, StringData: map[string]string{"ssh-privatekey": "key"}},
			"basic":  {Type: corev1.SecretTypeBasicAuth, StringData: map[string]string{"username": "me"}},
			"own":    {Type: "example.com/own"},
		} {
			s.Name = name
			f.Create(ctx, s)
		}
		notJSON := secret("not-json", map[string]string{".dockerconfigjson": "{"})
		notJSON.Type = corev1.SecretTypeDockerConfigJson
		MustBeInvalid(f.TryCreate(ctx, notJSON), "data[.dockerconfigjson]")
		MustBeInvalid(f.TryEdit(ctx, plain, func() { plain.Type = "example.com/other" }), "type", "field is immutable")
	})

	f.It("configuration/immutable", func(ctx SpecContext) {
		c, s := configMap("fixed", map[string]string{"key": "value"}), secret("fixed", map[string]string{"key": "value"})
		c.Immutable, s.Immutable = ptr.To(true), ptr.To(true)
		f.Create(ctx, c, s)
		MustBeInvalid(f.TryEdit(ctx, c, func() { c.Data["key"] = "other" }), "data", "field is immutable when `immutable` is set")
		MustBeInvalid(f.TryEdit(ctx, c, func() { c.Immutable = nil }), "immutable", "field is immutable when `immutable` is set")
		MustBeInvalid(f.TryEdit(ctx, s, func() { s.Data["key"] = []byte("other") }), "data", "field is immutable when `immutable` is set")
		MustBeInvalid(f.TryEdit(ctx, s, func() { s.Immutable = ptr.To(false) }), "immutable", "field is immutable when `immutable` is set")
		f.Patch(ctx, c, `{"metadata":{"labels":{"more":"yes"}}}`)
		f.Delete(ctx, c)
	})

	f.It("configuration/keys", func(ctx SpecContext) {
		for _, key := range []string{"with space", "a/b", "..", ".", "", strings.Repeat("k", 254)} {
			MustRefuse(f.TryCreate(ctx, configMap("malformed", map[string]string{key: "v"})), http.StatusUnprocessableEntity, "data["+key+"]")
			MustRefuse(f.TryCreate(ctx, secret("malformed", map[string]string{key: "v"})), http.StatusUnprocessableEntity, "data["+key+"]")
		}
		f.Create(ctx, configMap("well-formed", map[string]string{"Key_1.txt-x": "v", ".hidden": "v", strings.Repeat("k", 253): "v"}))
		twice := configMap("twice", map[string]string{"key": "v"})
		twice.BinaryData = map[string][]byte{"key": {1}}
		MustRefuse(f.TryCreate(ctx, twice), http.StatusUnprocessableEntity, "duplicate of key present in binaryData")
	})
})
