package server

import (
	"context"
	"fmt"
	"net"
	"net/url"
	"time"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/apiserver/pkg/authorization/authorizer"
	"k8s.io/apiserver/pkg/endpoints/discovery/aggregated"
	genericapiserver "k8s.io/apiserver/pkg/server"
	"k8s.io/apiserver/pkg/server/dynamiccertificates"
	genericfilters "k8s.io/apiserver/pkg/server/filters"
	"k8s.io/apiserver/pkg/server/options"
	serverstorage "k8s.io/apiserver/pkg/server/storage"
	"k8s.io/apiserver/pkg/util/compatibility"
	utilfeature "k8s.io/apiserver/pkg/util/feature"
	utilflowcontrol "k8s.io/apiserver/pkg/util/flowcontrol"
	utilproxy "k8s.io/apiserver/pkg/util/proxy"
	"k8s.io/apiserver/pkg/util/webhook"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	apiregistrationv1 "k8s.io/kube-aggregator/pkg/apis/apiregistration/v1"
	aggregatorapiserver "k8s.io/kube-aggregator/pkg/apiserver"

	"github.com/etalon-dev/etalon/reference/apiserver/scheme"
	"github.com/etalon-dev/etalon/reference/apiserver/storage"
)

var everything = labels.Everything()

// Server is an API server that is ready to run.
type Server struct {
	aggregator *aggregatorapiserver.APIAggregator
	address    net.Addr
	etcd       *storage.Etcd // nil when external
}

// Authorizer decides what users may do: all configured authorizers together.
func (s *Server) Authorizer() authorizer.UnconditionalAuthorizer {
	return s.aggregator.GenericAPIServer.Authorizer
}

// Address is the first address the server listens on.
func (s *Server) Address() net.Addr { return s.address }

// New builds the server: etcd, listeners, identity, admission, and the chain aggregator → built-in
// resources → custom resources. Nothing is served until Run.
func New(ctx context.Context, o Options) (_ *Server, err error) {
	if err := o.validate(); err != nil {
		return nil, err
	}
	listener, err := listen(o.Listen)
	if err != nil {
		return nil, err
	}
	s := &Server{address: listener.Addr()}
	defer func() {
		if err != nil {
			listener.Close()
			s.close()
		}
	}()

	// etcd starts while the configuration is built; both take about as long.
	started := make(chan error, 1)
	if len(o.Etcd.ServerList) == 0 {
		go func() {
			var err error
			s.etcd, err = storage.StartEtcd(ctx, storage.EtcdOptions{Dir: o.EtcdDir, Fsync: o.Fsync})
			started <- err
		}()
	} else {
		started <- nil
	}
	cfg, err := genericConfig(listener, o)
	if startErr := <-started; startErr != nil {
		return nil, startErr
	}
	if err != nil {
		return nil, err
	}
	backend := storage.External(o.Etcd)
	if s.etcd != nil {
		backend = storage.Embedded(s.etcd)
	}
	s.aggregator, err = buildChain(ctx, cfg, backend, o)
	return s, err
}

// Run serves until ctx ends, then drains requests and stops etcd.
func (s *Server) Run(ctx context.Context) error {
	defer s.close()
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	if s.etcd != nil {
		go func() {
			select {
			case err := <-s.etcd.Err():
				cancel(fmt.Errorf("etcd stopped: %w", err))
			case <-ctx.Done():
			}
		}()
	}
	err := prepareAndRun(ctx, s.aggregator)
	if cause := context.Cause(ctx); err == nil && cause != context.Canceled {
		err = cause
	}
	return err
}

func (s *Server) close() {
	if s.etcd != nil {
		s.etcd.Close()
	}
}

// watchesEndWithin is how long a server that stops takes to end the watches. Without it, as with upstream's default, each watch
// that a client leaves open would keep the server for a minute and end with a broken connection.
const watchesEndWithin = 5 * time.Second

// genericConfig is what all servers of the chain share, except identity and admission.
func genericConfig(listener net.Listener, o Options) (*genericapiserver.Config, error) {
	cfg := genericapiserver.NewConfig(scheme.Codecs)
	cfg.EffectiveVersion = compatibility.DefaultBuildEffectiveVersion()
	cfg.FeatureGate = utilfeature.DefaultFeatureGate
	// One manager, so that the chain publishes one discovery document.
	cfg.AggregatedDiscoveryGroupManager = aggregated.NewResourceManager("apis")
	cfg.LongRunningFunc = genericfilters.BasicLongRunningRequestCheck(
		sets.NewString("watch", "proxy"), sets.NewString("attach", "exec", "proxy", "log", "portforward"))
	cfg.ShutdownWatchTerminationGracePeriod = watchesEndWithin
	cfg.MergedResourceConfig = serverstorage.NewResourceConfig()
	cfg.MergedResourceConfig.EnableVersions(apiextensionsv1.SchemeGroupVersion, apiregistrationv1.SchemeGroupVersion)
	cfg.EquivalentResourceRegistry = runtime.NewEquivalentResourceRegistryWithIdentity(storage.ResourcePrefix)

	tcp := listener.Addr().(*net.TCPAddr)
	cfg.PublicAddress = tcp.IP
	if o.AdvertiseAddress != "" {
		if cfg.PublicAddress = net.ParseIP(o.AdvertiseAddress); cfg.PublicAddress == nil {
			return nil, fmt.Errorf("--advertise-address: %q is not an IP address", o.AdvertiseAddress)
		}
	}
	cfg.ExternalAddress = net.JoinHostPort(cfg.PublicAddress.String(), fmt.Sprint(tcp.Port))

	serving := options.NewSecureServingOptions()
	serving.Listener, serving.BindPort, serving.BindAddress = listener, tcp.Port, tcp.IP
	serving.ServerCert.CertKey = options.CertKey{CertFile: o.CertFile, KeyFile: o.KeyFile}
	if err := serving.ApplyTo(&cfg.SecureServing); err != nil {
		return nil, fmt.Errorf("--tls-cert-file, --tls-private-key-file: %w", err)
	}
	cert, err := dynamiccertificates.NewDynamicServingContentFromFiles("serving-cert", o.CertFile, o.KeyFile)
	if err != nil {
		return nil, err
	}
	cfg.SecureServing.Cert = cert
	return cfg, applyLoopback(cfg)
}

// resyncPeriod of the server's own informers, which need none but for lost handler errors.
const resyncPeriod = 10 * time.Minute

// bare is an object as the server's own informers keep it: who wrote which field is a third of many a pod, and
// nobody here asks.
func bare(o any) (any, error) {
	if object, ok := o.(metav1.Object); ok {
		object.SetManagedFields(nil)
	}
	return o, nil
}

// buildChain joins the three servers.
func buildChain(ctx context.Context, cfg *genericapiserver.Config, backend *storage.Backend, o Options) (*aggregatorapiserver.APIAggregator, error) {
	client, err := kubernetes.NewForConfig(cfg.LoopbackClientConfig)
	if err != nil {
		return nil, err
	}
	shared := informers.NewSharedInformerFactoryWithOptions(client, resyncPeriod, informers.WithTransform(bare))
	definitions := applyOpenAPI(cfg)
	if err := o.Audit.ApplyTo(cfg); err != nil {
		return nil, fmt.Errorf("audit: %w", err)
	}
	if cfg.ResourceTransformers, err = encryption(ctx, cfg, o); err != nil {
		return nil, err
	}
	backend.Encrypt(cfg.ResourceTransformers)
	cfg.RESTOptionsGetter = backend.Getter(scheme.StorageCodec, func(gr schema.GroupResource) schema.GroupVersion { return scheme.StorageVersion(gr.Group) })
	cfg.FlowControl = utilflowcontrol.New(shared, client.FlowcontrolV1(), cfg.MaxRequestsInFlight+cfg.MaxMutatingRequestsInFlight)
	live, ready, err := etcdChecks(backend.Config(), ctx.Done())
	if err != nil {
		return nil, err
	}
	cfg.AddHealthChecks(live)
	cfg.AddReadyzChecks(ready)

	slices, err := utilproxy.NewEndpointSliceIndexerGetter(shared.Discovery().V1().EndpointSlices())
	if err != nil {
		return nil, err
	}
	lister := shared.Core().V1().Services().Lister()
	services := aggregatorapiserver.NewLoopbackServiceResolver(
		services{lister, aggregatorapiserver.NewEndpointServiceResolver(lister, slices)}, loopbackURL(cfg))
	hooks := webhooks{webhook.NewDefaultAuthenticationInfoResolverWrapper(nil, nil, cfg.LoopbackClientConfig, cfg.TracerProvider), services}

	builtIn := &builtInServer{options: o, client: client, etcd: live, shared: shared, slices: slices}
	if err := builtIn.applyIdentity(ctx, cfg); err != nil {
		return nil, err
	}
	genericapiserver.AuthorizeClientBearerToken(cfg.LoopbackClientConfig, &cfg.Authentication, &cfg.Authorization)
	if err := applyAdmission(cfg, client, shared, definitions, hooks, o.Admission); err != nil {
		return nil, err
	}

	crds, err := newCustomResources(*cfg, backend, shared, hooks)
	if err != nil {
		return nil, fmt.Errorf("custom resources: %w", err)
	}
	server, err := builtIn.install(*cfg, crds.GenericAPIServer)
	if err != nil {
		return nil, fmt.Errorf("built-in resources: %w", err)
	}
	local := append(builtIn.groupVersions, apiextensionsv1.SchemeGroupVersion)
	return newAggregator(*cfg, o, backend, shared, services, server, local, crds.Informers.Apiextensions().V1().CustomResourceDefinitions())
}

// loopbackURL is where this server answers for the Service default/kubernetes.
func loopbackURL(cfg *genericapiserver.Config) *url.URL {
	return &url.URL{Scheme: "https", Host: cfg.ExternalAddress}
}
