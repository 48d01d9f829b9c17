package cluster

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"maps"
	"math/big"
	"os"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

	"github.com/etalon-dev/etalon/reference/auth/bootstraptoken"
	"github.com/etalon-dev/etalon/reference/cluster/pki"
)

const (
	// DefaultTokenTTL is how long a token is good that is not said to be longer, DefaultTokenGroup the group of its user.
	DefaultTokenTTL   = 24 * time.Hour
	DefaultTokenGroup = "system:bootstrappers:kubeadm:default-node-token"
)

// Token is a bootstrap token: whoever knows it can have a node join the cluster.
type Token struct {
	ID, Secret  string
	Expires     *time.Time
	Usages      []string
	Groups      []string
	Description string
}

// String is how it is handed on.
func (t Token) String() string { return t.ID + "." + t.Secret }

// CreateToken makes a token, with a value of its own unless one is given, that is good for ttl, 0 for ever, and gives its group
// what a node needs to join.
func (c *Cluster) CreateToken(ctx context.Context, given string, ttl time.Duration, description string) (Token, error) {
	t := Token{Usages: []string{"authentication", "signing"}, Groups: []string{DefaultTokenGroup}, Description: description}
	var err error
	if given != "" {
		t.ID, t.Secret, err = bootstraptoken.Split(given)
	} else if t.ID, err = letters(6); err == nil {
		t.Secret, err = letters(16)
	}
	if err != nil {
		return t, err
	}
	if ttl < 0 {
		return t, fmt.Errorf("ttl %v: want 0 or more", ttl)
	}
	data := map[string]string{
		bootstraptoken.KeyID: t.ID, bootstraptoken.KeySecret: t.Secret, bootstraptoken.KeyUsage: "true", bootstraptoken.KeySigning: "true",
		bootstraptoken.KeyGroups: DefaultTokenGroup,
	}
	if ttl > 0 {
		end := time.Now().Add(ttl).UTC().Truncate(time.Second)
		t.Expires, data[bootstraptoken.KeyExpiration] = &end, end.Format(time.RFC3339)
	}
	if description != "" {
		data[bootstraptoken.KeyDescription] = description
	}
	client, err := c.client()
	if err != nil {
		return t, err
	}
	if err := c.allowJoining(ctx, client); err != nil {
		return t, err
	}
	_, err = client.CoreV1().Secrets(metav1.NamespaceSystem).Create(ctx, &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Name: bootstraptoken.SecretPrefix + t.ID}, Type: corev1.SecretTypeBootstrapToken, StringData: data}, metav1.CreateOptions{})
	if apierrors.IsAlreadyExists(err) {
		return t, fmt.Errorf("a token with the ID %q exists already", t.ID)
	}
	return t, err
}

// Tokens lists the bootstrap tokens by their IDs.
func (c *Cluster) Tokens(ctx context.Context) ([]Token, error) {
	client, err := c.client()
	if err != nil {
		return nil, err
	}
	list, err := client.CoreV1().Secrets(metav1.NamespaceSystem).List(ctx, metav1.ListOptions{FieldSelector: "type=" + string(corev1.SecretTypeBootstrapToken)})
	if err != nil {
		return nil, err
	}
	var out []Token
	for i := range list.Items {
		value := func(key string) string { return string(list.Items[i].Data[key]) }
		t := Token{ID: value(bootstraptoken.KeyID), Secret: value(bootstraptoken.KeySecret), Description: value(bootstraptoken.KeyDescription)}
		if end, err := time.Parse(time.RFC3339, value(bootstraptoken.KeyExpiration)); err == nil {
			t.Expires = &end
		}
		for usage, key := range map[string]string{"authentication": bootstraptoken.KeyUsage, "signing": bootstraptoken.KeySigning} {
			if value(key) == "true" {
				t.Usages = append(t.Usages, usage)
			}
		}
		slices.Sort(t.Usages)
		if groups := value(bootstraptoken.KeyGroups); groups != "" {
			t.Groups = strings.Split(groups, ",")
		}
		out = append(out, t)
	}
	slices.SortFunc(out, func(a, b Token) int { return strings.Compare(a.ID, b.ID) })
	return out, nil
}

// DeleteToken deletes a token, named by its ID or as a whole.
func (c *Cluster) DeleteToken(ctx context.Context, name string) error {
	id, _, _ := strings.Cut(name, ".")
	client, err := c.client()
	if err != nil {
		return err
	}
	err = client.CoreV1().Secrets(metav1.NamespaceSystem).Delete(ctx, bootstraptoken.SecretPrefix+id, metav1.DeleteOptions{})
	if apierrors.IsNotFound(err) {
		return fmt.Errorf("there is no token with the ID %q", id)
	}
	return err
}

// JoinCommand is what to type on another machine so that it joins the cluster.
func (c *Cluster) JoinCommand(t Token) (string, error) {
	ca, err := os.ReadFile(c.path("pki", "ca.crt"))
	if err != nil {
		return "", err
	}
	hashes, err := keyHashes(ca)
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("etalon node join %s --token %s --discovery-token-ca-cert-hash %s", c.clusterAddress(), t, hashes[0]), nil
}

// keyHashes are the hashes of the public keys of certificates, as "sha256:…".
func keyHashes(certificates []byte) (out []string, err error) {
	for block, rest := pem.Decode(certificates); block != nil; block, rest = pem.Decode(rest) {
		cert, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, err
		}
		sum := sha256.Sum256(cert.RawSubjectPublicKeyInfo)
		out = append(out, "sha256:"+hex.EncodeToString(sum[:]))
	}
	if len(out) == 0 {
		return nil, errors.New("no certificate in the authority's file")
	}
	return out, nil
}

// letters are so many random characters of those that tokens are made of.
func letters(n int) (string, error) {
	const all = "abcdefghijklmnopqrstuvwxyz0123456789"
	var out strings.Builder
	for range n {
		i, err := rand.Int(rand.Reader, big.NewInt(int64(len(all))))
		if err != nil {
			return "", err
		}
		out.WriteByte(all[i.Int64()])
	}
	return out.String(), nil
}

// allowJoining publishes how to reach the cluster, and lets those who show a token ask for a node's certificate, which is
// approved at once, as are requests of nodes to renew theirs.
func (c *Cluster) allowJoining(ctx context.Context, client kubernetes.Interface) error {
	ca, err := os.ReadFile(c.path("pki", "ca.crt"))
	if err != nil {
		return err
	}
	info, err := pki.Kubeconfig{Cluster: "", Server: "https://" + c.clusterAddress(), CA: ca}.Public()
	if err != nil {
		return err
	}
	group := func(name string) []rbacv1.Subject {
		return []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: rbacv1.GroupKind, Name: name}}
	}
	const readInfo = "etalon:cluster-info"
	const csr = "system:certificates.k8s.io:certificatesigningrequests:"
	creates := []func() error{
		func() error {
			_, err := client.CoreV1().ConfigMaps(metav1.NamespacePublic).Create(ctx, &corev1.ConfigMap{
				ObjectMeta: metav1.ObjectMeta{Name: bootstraptoken.ClusterInfo}, Data: map[string]string{bootstraptoken.KeyKubeconfig: string(info)}}, metav1.CreateOptions{})
			return err
		},
		func() error {
			_, err := client.RbacV1().Roles(metav1.NamespacePublic).Create(ctx, &rbacv1.Role{ObjectMeta: metav1.ObjectMeta{Name: readInfo},
				Rules: []rbacv1.PolicyRule{{Verbs: []string{"get"}, APIGroups: []string{""}, Resources: []string{"configmaps"}, ResourceNames: []string{bootstraptoken.ClusterInfo}}}}, metav1.CreateOptions{})
			return err
		},
		func() error {
			_, err := client.RbacV1().RoleBindings(metav1.NamespacePublic).Create(ctx, &rbacv1.RoleBinding{ObjectMeta: metav1.ObjectMeta{Name: readInfo},
				Subjects: []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: rbacv1.UserKind, Name: "system:anonymous"}},
				RoleRef:  rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: readInfo}}, metav1.CreateOptions{})
			return err
		},
	}
	bindings := map[string]struct{ role, group string }{
		"etalon:kubelet-bootstrap":                     {"system:node-bootstrapper", DefaultTokenGroup},
		"etalon:node-autoapprove-bootstrap":            {csr + "nodeclient", DefaultTokenGroup},
		"etalon:node-autoapprove-certificate-rotation": {csr + "selfnodeclient", "system:nodes"},
	}
	for _, name := range slices.Sorted(maps.Keys(bindings)) {
		creates = append(creates, func() error {
			_, err := client.RbacV1().ClusterRoleBindings().Create(ctx, &rbacv1.ClusterRoleBinding{ObjectMeta: metav1.ObjectMeta{Name: name},
				Subjects: group(bindings[name].group), RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: bindings[name].role}}, metav1.CreateOptions{})
			return err
		})
	}
	for _, create := range creates {
		if err := create(); err != nil && !apierrors.IsAlreadyExists(err) {
			return err
		}
	}
	return nil
}
