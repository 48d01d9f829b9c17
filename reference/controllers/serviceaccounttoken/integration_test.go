package serviceaccounttoken_test

import (
	"context"
	"crypto"
	"fmt"
	"strings"
	"testing"
	"time"

	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/util/keyutil"

	"github.com/etalon-dev/etalon/reference/apiserver/apiservertest"
	"github.com/etalon-dev/etalon/reference/auth/serviceaccount"
	"github.com/etalon-dev/etalon/reference/controllers/serviceaccounttoken"
)

// world is a cluster with the controller, and a ServiceAccount robot.
type world struct {
	*testing.T
	server *apiservertest.Server
	client kubernetes.Interface
}

func newWorld(t *testing.T) *world {
	w := &world{T: t, server: apiservertest.New(t)}
	w.client = kubernetes.NewForConfigOrDie(w.server.Config)
	key, err := keyutil.PrivateKeyFromFile(w.server.Options().Authentication.ServiceAccounts.KeyFiles[0])
	w.must(err)
	issuer, err := serviceaccount.NewLegacyIssuer(key.(crypto.Signer))
	w.must(err)
	shared := informers.NewSharedInformerFactory(w.client, 0)
	c := serviceaccounttoken.New(w.client, shared, issuer, []byte("CA\n"))
	ctx, cancel := context.WithCancel(t.Context())
	shared.StartWithContext(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		c.Run(ctx, 1)
	}()
	t.Cleanup(func() {
		cancel()
		<-done
		shared.Shutdown()
	})
	w.account()
	return w
}

func (w *world) must(err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
}

func (w *world) account() {
	w.Helper()
	_, err := w.client.CoreV1().ServiceAccounts("default").Create(w.Context(), &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Name: "robot"}}, metav1.CreateOptions{})
	w.must(err)
}

// secret makes a token Secret of the ServiceAccount.
func (w *world) secret(name, account string) {
	w.Helper()
	_, err := w.client.CoreV1().Secrets("default").Create(w.Context(), &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Name: name, Annotations: map[string]string{corev1.ServiceAccountNameKey: account}},
		Type:       corev1.SecretTypeServiceAccountToken,
	}, metav1.CreateOptions{})
	w.must(err)
}

func (w *world) until(what string, done func(s *corev1.Secret, err error) error, name string) *corev1.Secret {
	w.Helper()
	var last error
	var secret *corev1.Secret
	err := wait.PollUntilContextTimeout(w.Context(), 20*time.Millisecond, time.Minute, true, func(ctx context.Context) (bool, error) {
		s, err := w.client.CoreV1().Secrets("default").Get(ctx, name, metav1.GetOptions{})
		secret, last = s, done(s, err)
		return last == nil, nil
	})
	if err != nil {
		w.Fatalf("waited until %s: %v", what, last)
	}
	return secret
}

func filled(s *corev1.Secret, err error) error {
	if err == nil && len(s.Data["token"]) == 0 {
		return fmt.Errorf("no token in %v", s.Data)
	}
	return err
}

func gone(_ *corev1.Secret, err error) error {
	if !apierrors.IsNotFound(err) {
		return fmt.Errorf("got %v, wanted NotFound", err)
	}
	return nil
}

func (w *world) user(token string) (string, error) {
	review, err := kubernetes.NewForConfigOrDie(w.server.Bearer(token)).AuthenticationV1().SelfSubjectReviews().
		Create(w.Context(), &authenticationv1.SelfSubjectReview{}, metav1.CreateOptions{})
	if err != nil {
		return "", err
	}
	return review.Status.UserInfo.Username, nil
}

func TestTokenSecrets(t *testing.T) {
	w := newWorld(t)
	secrets := w.client.CoreV1().Secrets("default")
	w.secret("robot-token", "robot")
	s := w.until("it is filled", filled, "robot-token")
	sa, err := w.client.CoreV1().ServiceAccounts("default").Get(t.Context(), "robot", metav1.GetOptions{})
	w.must(err)
	if string(s.Data["ca.crt"]) != "CA\n" || string(s.Data["namespace"]) != "default" || s.Annotations["kubernetes.io/service-account.uid"] != string(sa.UID) {
		t.Errorf("got %q, annotations %v", s.Data, s.Annotations)
	}
	token := string(s.Data["token"])
	if name, err := w.user(token); err != nil || name != "system:serviceaccount:default:robot" {
		t.Fatalf("the token is that of %q, %v", name, err)
	}
	today, tomorrow := time.Now().UTC().Format(time.DateOnly), time.Now().UTC().AddDate(0, 0, 1).Format(time.DateOnly)
	w.until("its use is noted", func(s *corev1.Secret, err error) error {
		if used := s.Labels["kubernetes.io/legacy-token-last-used"]; used != today && used != tomorrow {
			return fmt.Errorf("labels %v", s.Labels)
		}
		return err
	}, "robot-token")

	w.secret("orphan", "nobody")
	w.until("a Secret of no ServiceAccount is gone", gone, "orphan")

	// Another token of the same account, marked invalid, says so in a TokenReview.
	w.secret("second", "robot")
	second := w.until("the second is filled", filled, "second")
	second.Labels = map[string]string{"kubernetes.io/legacy-token-invalid-since": "2026-01-01"}
	_, err = secrets.Update(t.Context(), second, metav1.UpdateOptions{})
	w.must(err)
	review, err := w.client.AuthenticationV1().TokenReviews().Create(t.Context(),
		&authenticationv1.TokenReview{Spec: authenticationv1.TokenReviewSpec{Token: string(second.Data["token"])}}, metav1.CreateOptions{})
	w.must(err)
	if want := "the token in secret default/second for service account default/robot has been marked invalid"; review.Status.Authenticated || !strings.Contains(review.Status.Error, want) {
		t.Errorf("got %+v, wanted %q", review.Status, want)
	}

	w.must(w.client.CoreV1().ServiceAccounts("default").Delete(t.Context(), "robot", metav1.DeleteOptions{}))
	w.until("it is gone with its ServiceAccount", gone, "robot-token")
	w.account() // another of the same name
	err = wait.PollUntilContextTimeout(t.Context(), 100*time.Millisecond, time.Minute, true, func(context.Context) (bool, error) {
		_, err := w.user(token)
		return apierrors.IsUnauthorized(err), nil
	})
	if err != nil {
		t.Errorf("the token still works after its Secret is gone: %v", err)
	}
}

// A Secret that is listed by a ServiceAccount is taken off the list when it is deleted.
func TestReferencesAreRemoved(t *testing.T) {
	w := newWorld(t)
	w.secret("listed", "robot")
	w.until("it is filled", filled, "listed")
	accounts := w.client.CoreV1().ServiceAccounts("default")
	sa, err := accounts.Get(t.Context(), "robot", metav1.GetOptions{})
	w.must(err)
	sa.Secrets = []corev1.ObjectReference{{Name: "listed"}, {Name: "other"}}
	_, err = accounts.Update(t.Context(), sa, metav1.UpdateOptions{})
	w.must(err)
	// A token that is auto-generated, as one that is listed, comes with a warning; here it only has to work.
	if _, err := w.user(string(w.until("it is there", filled, "listed").Data["token"])); err != nil {
		t.Error(err)
	}
	w.must(w.client.CoreV1().Secrets("default").Delete(t.Context(), "listed", metav1.DeleteOptions{}))
	err = wait.PollUntilContextTimeout(t.Context(), 20*time.Millisecond, time.Minute, true, func(ctx context.Context) (bool, error) {
		sa, err := accounts.Get(ctx, "robot", metav1.GetOptions{})
		return err == nil && len(sa.Secrets) == 1 && sa.Secrets[0].Name == "other", nil
	})
	if err != nil {
		t.Error("the deleted Secret is still listed")
	}
}
