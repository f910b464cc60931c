using System.Collections.Concurrent;
using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Text.Json;
using Fleet.Contracts;
using Fleet.Contracts.Builds;
using Fleet.Contracts.Http;
using Fleet.Modeling.Worker;
using Fleet.TestKit;
using Microsoft.Extensions.Logging.Abstractions;

namespace Fleet.Modeling.Tests.Worker;

/// <summary>A lease is kept over HTTP against a server that answers as each test asks.</summary>
public sealed class LeaseKeeperTests : IDisposable
{
    private static readonly TimeSpan Deadline = TimeSpan.FromSeconds(60);
    private static readonly TimeSpan Never = TimeSpan.FromHours(1);

    private readonly TemporaryFolder _folder = new();
    private readonly LeaseServer _server = new();
    private readonly LatestProgress _progress = new();
    private readonly CancellationTokenSource _stop = new();

    [Fact]
    public async Task Progress_that_changes_is_sent_though_the_lease_is_good_for_long()
    {
        var keeping = KeepAsync(renewWithin: Never);
        Assert.Equal(new BuildProgress("Starting", 0), (await _server.NextAsync()).Progress);
        _progress.Report(new BuildProgress("Training", 0.5));
        Assert.Equal(new ProgressRequest("lease-1", new BuildProgress("Training", 0.5)), await _server.NextAsync());
        await EndAsync(keeping);
    }

    [Fact]
    public async Task Progress_that_stands_still_is_sent_as_often_as_the_lease_needs_and_no_more()
    {
        var keeping = KeepAsync(renewWithin: TimeSpan.FromSeconds(0.9));
        await _server.NextAsync();
        var clock = Stopwatch.StartNew();
        await _server.NextAsync();
        await _server.NextAsync();
        // A third of the lease each time, though the worker looks every 10 ms.
        Assert.True(clock.Elapsed > TimeSpan.FromSeconds(0.5), $"sent twice in {clock.Elapsed}");
        await EndAsync(keeping);
    }

    [Theory]
    [InlineData(503)]
    [InlineData(400)]
    public async Task Server_that_does_not_take_it_is_told_again_and_the_build_goes_on(int status)
    {
        _server.Status = status;
        var keeping = KeepAsync(renewWithin: Never);
        await _server.NextAsync();
        await _server.NextAsync();
        Assert.False(keeping.IsCompleted);
        _server.Status = 204;
        await _server.NextAsync();
        await EndAsync(keeping);
    }

    [Theory]
    [InlineData(409)]
    [InlineData(404)]
    public async Task Lease_that_is_gone_ends_the_build_with_the_servers_words(int status)
    {
        _server.Status = status;
        var lost = await Assert.ThrowsAsync<LeaseLostException>(() => KeepAsync(renewWithin: Never).WaitAsync(Deadline));
        Assert.Contains("The build was given to another worker.", lost.Message, StringComparison.Ordinal);
    }

    public void Dispose()
    {
        _stop.Dispose();
        _server.Dispose();
        _folder.Dispose();
    }

    private async Task KeepAsync(TimeSpan renewWithin)
    {
        await File.WriteAllTextAsync(_folder["worker.key"], "key");
        var options = new WorkerOptions
        {
            Server = _server.Address,
            KeyFile = _folder["worker.key"],
            DataFolder = _folder.Path,
            ProgressInterval = TimeSpan.FromMilliseconds(10),
        };
        using var server = new FleetServer(options);
        var lease = new LeaseResponse("build-1", "lease-1", new BuildSpec { Model = "m" }, renewWithin);
        await new LeaseKeeper(server, options, TimeProvider.System, NullLogger<LeaseKeeper>.Instance)
            .KeepAsync(lease, _progress, _stop.Token);
    }

    private async Task EndAsync(Task keeping)
    {
        await _stop.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => keeping.WaitAsync(Deadline));
    }

    /// <summary>The server's one route that a lease needs.</summary>
    private sealed class LeaseServer : IDisposable
    {
        private readonly HttpListener _listener = new();
        private readonly BlockingCollection<ProgressRequest> _received = [];

        public LeaseServer()
        {
            using (var free = new TcpListener(IPAddress.Loopback, 0))
            {
                free.Start();
                Address = new Uri($"http://127.0.0.1:{((IPEndPoint)free.LocalEndpoint).Port}/");
            }
            _listener.Prefixes.Add(Address.ToString());
            _listener.Start();
            _ = ServeAsync();
        }

        public Uri Address { get; }

        /// <summary>What every request is answered with.</summary>
        public volatile int Status = 204;

        public Task<ProgressRequest> NextAsync() => Task.Run(() =>
        {
            using var limit = new CancellationTokenSource(Deadline);
            return _received.Take(limit.Token);
        });

        public void Dispose()
        {
            _listener.Close();
            _received.Dispose();
        }

        private async Task ServeAsync()
        {
            try
            {
                while (true)
                {
                    var context = await _listener.GetContextAsync();
                    Assert.Equal("/api/v1/worker/builds/build-1/progress", context.Request.Url!.AbsolutePath);
                    var request = await JsonSerializer.DeserializeAsync(context.Request.InputStream, FleetJson.Default.ProgressRequest);
                    context.Response.StatusCode = Status;
                    if (Status >= 400)
                    {
                        var problem = new ApiProblem("The build was given to another worker.", Status, []);
                        context.Response.ContentType = "application/json";
                        await JsonSerializer.SerializeAsync(context.Response.OutputStream, problem, FleetJson.Default.ApiProblem);
                    }
                    context.Response.Close();
                    _received.Add(request!);
                }
            }
            catch (Exception e) when (e is HttpListenerException or ObjectDisposedException)
            {
                // The test is over.
            }
        }
    }
}
