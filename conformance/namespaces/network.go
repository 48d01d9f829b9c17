package namespaces

import (
	. "github.com/onsi/ginkgo/v2"

	. "github.com/etalon-dev/etalon/conformance/framework"
)

var _ = Describe("namespaces and the network", func() {
	f := New()

	f.It("namespaces/no-network-isolation", func(ctx SpecContext) {
		elsewhere := *f
		elsewhere.Namespace = f.NewNamespace(ctx, "elsewhere").Name
		server := Server("server")
		elsewhere.Create(ctx, server)
		ip := elsewhere.WaitPodReady(ctx, "server").Status.PodIP
		f.NewCaller(ctx, "caller").WaitAnswers(ctx, ip, ServePort, "/hostname", "server")
	})
})
