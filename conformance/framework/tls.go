package framework

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"maps"
	"math/big"
	"time"

	. "github.com/onsi/ginkgo/v2"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// ServeTLS starts a pod of Server behind a Service of the same name that answers HTTPS on port 443, for
// the API server to call, and waits until it is ready. More files may be given to it in /tls. It
// returns the certificate by which the API server knows it.
func (f *Framework) ServeTLS(ctx context.Context, name string, files map[string][]byte, flags ...string) (ca []byte) {
	GinkgoHelper()
	certificate, key := SelfSigned(name + "." + f.Namespace + ".svc")
	data := map[string][]byte{corev1.TLSCertKey: certificate, corev1.TLSPrivateKeyKey: key}
	maps.Copy(data, files)
	pod := Server(name, append([]string{"--tls-cert", "/tls/tls.crt", "--tls-key", "/tls/tls.key"}, flags...)...)
	pod.Spec.Volumes = []corev1.Volume{{Name: "tls", VolumeSource: corev1.VolumeSource{Secret: &corev1.SecretVolumeSource{SecretName: name}}}}
	pod.Spec.Containers[0].VolumeMounts = []corev1.VolumeMount{{Name: "tls", MountPath: "/tls"}}
	service := Service(name)
	service.Spec.Ports[0].Port = 443
	f.Create(ctx, &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: name}, Type: corev1.SecretTypeTLS, Data: data}, service, pod)
	f.WaitPodReady(ctx, name)
	return certificate
}

// SelfSigned makes a certificate for the name, which is its own authority, and its key, both in PEM.
func SelfSigned(name string) (certificate, key []byte) {
	GinkgoHelper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	(&Framework{}).must(err, "make a key")
	template := &x509.Certificate{SerialNumber: big.NewInt(1), DNSNames: []string{name}, BasicConstraintsValid: true, IsCA: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}}
	der, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	(&Framework{}).must(err, "make a certificate")
	text, err := x509.MarshalPKCS8PrivateKey(private)
	(&Framework{}).must(err, "write a key")
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: text})
}
