package certificates_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	authenticationv1 "k8s.io/api/authentication/v1"
	certificatesv1 "k8s.io/api/certificates/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"

	"github.com/etalon-dev/etalon/reference/apiserver/apiservertest"
	"github.com/etalon-dev/etalon/reference/controllers/certificates"
)

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// start runs a server with the controllers, as the user that they run as.
func start(t *testing.T) (*apiservertest.Server, kubernetes.Interface) {
	s := apiservertest.New(t)
	ca := s.Options().Authentication.ClientCAFile
	authority, err := certificates.LoadAuthority(ca, filepath.Join(filepath.Dir(ca), "ca.key"), certificates.DefaultDuration)
	must(t, err)
	client := kubernetes.NewForConfigOrDie(s.User("system:kube-controller-manager"))
	shared := informers.NewSharedInformerFactory(client, 0)
	controllers := []interface{ Run(context.Context, int) }{
		certificates.NewSigning(client, shared, authority), certificates.NewApproving(client, shared), certificates.NewCleaner(client, shared),
	}
	ctx, cancel := context.WithCancel(t.Context())
	shared.StartWithContext(ctx)
	done := make(chan struct{})
	for _, c := range controllers {
		go func() {
			c.Run(ctx, 1)
			done <- struct{}{}
		}()
	}
	t.Cleanup(func() {
		cancel()
		for range controllers {
			<-done
		}
		shared.Shutdown()
	})
	return s, kubernetes.NewForConfigOrDie(s.Config)
}

// ask makes a request in the name of the client's user and returns the key of the certificate to be.
func ask(t *testing.T, client kubernetes.Interface, name, signer string, subject pkix.Name, usages ...certificatesv1.KeyUsage) []byte {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	der, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{Subject: subject}, key)
	must(t, err)
	keyDER, err := x509.MarshalECPrivateKey(key)
	must(t, err)
	_, err = client.CertificatesV1().CertificateSigningRequests().Create(t.Context(), &certificatesv1.CertificateSigningRequest{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec: certificatesv1.CertificateSigningRequestSpec{SignerName: signer, Usages: usages,
			Request: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: der})},
	}, metav1.CreateOptions{})
	must(t, err)
	return pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: keyDER})
}

// approve is `kubectl certificate approve`.
func approve(t *testing.T, client kubernetes.Interface, name string) {
	t.Helper()
	api := client.CertificatesV1().CertificateSigningRequests()
	r, err := api.Get(t.Context(), name, metav1.GetOptions{})
	must(t, err)
	r.Status.Conditions = append(r.Status.Conditions, certificatesv1.CertificateSigningRequestCondition{
		Type: certificatesv1.CertificateApproved, Status: corev1.ConditionTrue, Reason: "KubectlApprove", Message: "This CSR was approved by kubectl certificate approve."})
	_, err = api.UpdateApproval(t.Context(), name, r, metav1.UpdateOptions{})
	must(t, err)
}

func until(t *testing.T, client kubernetes.Interface, name string, done func(*certificatesv1.CertificateSigningRequest) error) *certificatesv1.CertificateSigningRequest {
	t.Helper()
	var last error
	var r *certificatesv1.CertificateSigningRequest
	err := wait.PollUntilContextTimeout(t.Context(), 20*time.Millisecond, time.Minute, true, func(ctx context.Context) (bool, error) {
		if r, last = client.CertificatesV1().CertificateSigningRequests().Get(ctx, name, metav1.GetOptions{}); last == nil {
			last = done(r)
		}
		return last == nil, nil
	})
	if err != nil {
		t.Fatalf("request %s: %v", name, last)
	}
	return r
}

func signed(r *certificatesv1.CertificateSigningRequest) error {
	if len(r.Status.Certificate) == 0 {
		return fmt.Errorf("no certificate: %+v", r.Status)
	}
	return nil
}

func TestApprovedRequestsBecomeUsers(t *testing.T) {
	s, admin := start(t)
	key := ask(t, admin, "jane", certificatesv1.KubeAPIServerClientSignerName, pkix.Name{CommonName: "jane", Organization: []string{"dev"}}, "client auth")
	approve(t, admin, "jane")
	r := until(t, admin, "jane", signed)
	config := s.Stranger()
	config.CertData, config.KeyData = r.Status.Certificate, key
	me, err := kubernetes.NewForConfigOrDie(config).AuthenticationV1().SelfSubjectReviews().Create(t.Context(), &authenticationv1.SelfSubjectReview{}, metav1.CreateOptions{})
	must(t, err)
	if u := me.Status.UserInfo; u.Username != "jane" || !slices.Contains(u.Groups, "dev") {
		t.Errorf("the certificate is that of %+v, wanted jane of dev", u)
	}

	// What the signer does not permit fails, though it is approved.
	ask(t, admin, "wrong", certificatesv1.KubeAPIServerClientSignerName, pkix.Name{CommonName: "jane"}, "server auth")
	approve(t, admin, "wrong")
	until(t, admin, "wrong", func(r *certificatesv1.CertificateSigningRequest) error {
		for _, c := range r.Status.Conditions {
			if c.Type == certificatesv1.CertificateFailed && c.Reason == "SignerValidationFailure" && strings.Contains(c.Message, "invalid usages for client certificate") {
				return nil
			}
		}
		return fmt.Errorf("conditions %+v", r.Status.Conditions)
	})
}

// Kubelets get their certificates without an administrator, if a role says so.
func TestKubeletsAreApprovedByThemselves(t *testing.T) {
	s, admin := start(t)
	for name, group := range map[string]string{"nodeclient": "system:bootstrappers", "selfnodeclient": "system:nodes"} {
		_, err := admin.RbacV1().ClusterRoleBindings().Create(t.Context(), &rbacv1.ClusterRoleBinding{
			ObjectMeta: metav1.ObjectMeta{Name: name}, Subjects: []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: "Group", Name: group}},
			RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: "system:certificates.k8s.io:certificatesigningrequests:" + name},
		}, metav1.CreateOptions{})
		must(t, err)
	}
	_, err := admin.RbacV1().ClusterRoleBindings().Create(t.Context(), &rbacv1.ClusterRoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: "bootstrap"}, Subjects: []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: "Group", Name: "system:bootstrappers"}},
		RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: "system:node-bootstrapper"},
	}, metav1.CreateOptions{})
	must(t, err)
	bootstrapper := kubernetes.NewForConfigOrDie(s.User("system:bootstrap:abcdef", "system:bootstrappers"))
	subject := pkix.Name{CommonName: "system:node:n", Organization: []string{"system:nodes"}}
	var key []byte
	err = wait.PollUntilContextTimeout(t.Context(), 20*time.Millisecond, time.Minute, true, func(ctx context.Context) (bool, error) {
		_, err := bootstrapper.CertificatesV1().CertificateSigningRequests().List(ctx, metav1.ListOptions{})
		return err == nil, nil // the binding is known
	})
	must(t, err)
	key = ask(t, bootstrapper, "n", certificatesv1.KubeAPIServerClientKubeletSignerName, subject, "client auth", "digital signature")
	r := until(t, admin, "n", signed)
	if c := r.Status.Conditions[0]; c.Reason != "AutoApproved" || c.Message != "Auto approving kubelet client certificate after SubjectAccessReview." {
		t.Errorf("got %+v", c)
	}
	config := s.Stranger()
	config.CertData, config.KeyData = r.Status.Certificate, key
	ask(t, kubernetes.NewForConfigOrDie(config), "renewal", certificatesv1.KubeAPIServerClientKubeletSignerName, subject, "client auth", "digital signature")
	r = until(t, admin, "renewal", signed)
	if c := r.Status.Conditions[0]; c.Message != "Auto approving self kubelet client certificate after SubjectAccessReview." {
		t.Errorf("got %+v", c)
	}
}
