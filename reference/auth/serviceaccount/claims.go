// Package serviceaccount issues and checks the tokens of ServiceAccounts: JWTs, bound to a
// time, to audiences and, if asked for, to a Pod, Secret or Node.
//
// https://kubernetes.io/docs/reference/access-authn-authz/service-accounts-admin/#bound-service-account-tokens
package serviceaccount

import (
	"time"

	"github.com/go-jose/go-jose/v4/jwt"
	"github.com/google/uuid"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apiserver/pkg/authentication/serviceaccount"
)

// privateClaims is what stands in a token beside the registered claims of RFC 7519.
type privateClaims struct {
	Kubernetes kubernetesClaims `json:"kubernetes.io,omitempty"`
}

type kubernetesClaims struct {
	Namespace      string           `json:"namespace,omitempty"`
	ServiceAccount ref              `json:"serviceaccount,omitempty"`
	Pod            *ref             `json:"pod,omitempty"`
	Secret         *ref             `json:"secret,omitempty"`
	Node           *ref             `json:"node,omitempty"`
	WarnAfter      *jwt.NumericDate `json:"warnafter,omitempty"`
}

type ref struct {
	Name string `json:"name,omitempty"`
	UID  string `json:"uid,omitempty"`
}

func refTo(o metav1.Object) *ref { return &ref{Name: o.GetName(), UID: string(o.GetUID())} }

// Binding is what a token lives and dies with besides its ServiceAccount: at most one of Pod
// and Secret, or a Node alone. A Node next to a Pod only tells where the pod runs.
type Binding struct {
	Pod    *corev1.Pod
	Secret *corev1.Secret
	Node   *corev1.Node
}

// newClaims decides what a token says. A token is valid from now for its lifetime; with
// warnAfter > 0, its use is noted in the audit log once that time has passed.
func newClaims(issuer string, sa *corev1.ServiceAccount, b Binding, audiences []string, now time.Time, lifetime, warnAfter time.Duration) (jwt.Claims, privateClaims) {
	public := jwt.Claims{
		Issuer:    issuer,
		Subject:   serviceaccount.MakeUsername(sa.Namespace, sa.Name),
		Audience:  jwt.Audience(audiences),
		IssuedAt:  jwt.NewNumericDate(now),
		NotBefore: jwt.NewNumericDate(now),
		Expiry:    jwt.NewNumericDate(now.Add(lifetime)),
		ID:        uuid.NewString(),
	}
	private := kubernetesClaims{Namespace: sa.Namespace, ServiceAccount: *refTo(sa)}
	if b.Pod != nil {
		private.Pod = refTo(b.Pod)
	}
	if b.Secret != nil {
		private.Secret = refTo(b.Secret)
	}
	if b.Node != nil {
		private.Node = refTo(b.Node)
	}
	if warnAfter > 0 {
		private.WarnAfter = jwt.NewNumericDate(now.Add(warnAfter))
	}
	return public, privateClaims{private}
}
