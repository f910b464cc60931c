using Fleet.Contracts;
using Fleet.Contracts.Devices;
using Fleet.Contracts.Http;
using Fleet.Contracts.Trust;
using Fleet.Server.Certificates;
using Fleet.Server.Hosting;
using Fleet.Server.Http;
using Fleet.Server.Storage;

namespace Fleet.Server.Devices;

/// <summary>Where the server will be, as it is stored, under <see cref="Id"/>: every order carries it until it is taken back.</summary>
/// <param name="Address">The new address.</param>
/// <param name="At">When it was announced.</param>
internal sealed record AnnouncedMove(ServerAddresses Address, DateTimeOffset At)
{
    /// <summary>There is one at most.</summary>
    public const string Id = "server";
}

/// <summary>
/// Announces another address of this server before it goes there. Devices keep it beside the one they use and turn to it when that is
/// silent, so the announcement may stand for as long as it takes to reach all of them.
/// </summary>
internal sealed class ServerMoves(
    IFleetStore store, DesiredNotices notices, DeviceBoard board, ListenAddresses addresses, ServerCertificate certificate,
    TimeProvider time) : IHostedService
{
    private const int NamedDevices = 100;

    /// <summary>Announces an address, or with null takes the announcement back.</summary>
    public async Task<ServerView> AnnounceAsync(ServerAddresses? address, CancellationToken cancellationToken)
    {
        await store.RetryAsync(async _ =>
        {
            var stored = await store.FindAsync<AnnouncedMove>(AnnouncedMove.Id, cancellationToken);
            var change = (stored, address) switch
            {
                (null, null) => null,
                (null, { } to) => StoreChange.Create(AnnouncedMove.Id, new AnnouncedMove(to, time.GetUtcNow())),
                ({ } before, null) => before.Removal(),
                ({ } before, { } to) => before.Change(new AnnouncedMove(to, time.GetUtcNow())),
            };
            if (change is not null) await store.CommitAsync([change], cancellationToken);
            return change;
        }, cancellationToken);
        certificate.Announced = address?.Server.Host;
        await foreach (var device in store.DevicesAsync(DeviceFilter.All, null, cancellationToken)) notices.Notify(device.Document.Id);
        return await ViewAsync(DeviceFilter.All, cancellationToken);
    }

    /// <summary>
    /// Where the server is, where it goes, and which devices of <paramref name="seen"/> have not heard it.
    /// </summary>
    public async Task<ServerView> ViewAsync(DeviceFilter seen, CancellationToken cancellationToken)
    {
        var here = new ServerAddresses(new Uri(addresses.Devices), addresses.Mqtt);
        if (await store.FindAsync<AnnouncedMove>(AnnouncedMove.Id, cancellationToken) is not { Document: var move })
            return new ServerView(here);
        var (told, waiting, named) = (0, 0, new List<DeviceId>());
        await foreach (var device in store.DevicesAsync(seen, null, cancellationToken))
        {
            var id = device.Document.Id;
            if (device.Document.IsRevoked) continue;
            // Every connect is answered with an order, and who is connected was told at once.
            var wasThere = board.IsOnline(id) || await board.LastSeenAsync(id, cancellationToken) > move.At;
            if (wasThere && !await RefusesAsync(id, move.At, cancellationToken)) told++;
            else if (waiting++ < NamedDevices) named.Add(id);
        }
        return new ServerView(here, move.Address, move.At, told, waiting, named);
    }

    /// <summary>
    /// True when a device hears nothing of the move though it is there: it is ahead of a server that was restored, or has said that it
    /// refuses what it is told.
    /// </summary>
    private async Task<bool> RefusesAsync(DeviceId device, DateTimeOffset since, CancellationToken cancellationToken)
    {
        var (desired, _) = await store.DesiredAsync(device, cancellationToken);
        if (desired.Floor > desired.Revision) return true;
        return await store.FindAsync<DeviceReported>(device.Value, cancellationToken) is { Document: var said }
            && (said.State.Revision > desired.Revision
                || (said.At > since && (said.State.Trust?.Fault ?? OrderFault.None) != OrderFault.None));
    }

    /// <summary>
    /// An address that was announced before this start is the server's as well: before the first request, since listeners start last.
    /// </summary>
    public async Task StartAsync(CancellationToken cancellationToken)
        => certificate.Announced
            = (await store.FindAsync<AnnouncedMove>(AnnouncedMove.Id, cancellationToken))?.Document.Address.Server.Host;

    /// <inheritdoc/>
    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    /// <summary>Every rule that an address breaks.</summary>
    public static IReadOnlyList<string> ProblemsOf(ServerAddresses address)
    {
        var problems = new List<string>();
        var server = address.Server;
        if (!server.IsAbsoluteUri || server is not { Scheme: "https", PathAndQuery: "/", UserInfo: "" }
            || server.OriginalString.Length > 256)
            problems.Add($"server '{server.OriginalString}' must be of the form https://HOST:PORT.");
        if (address.Mqtt.Length > 256 || !Uri.TryCreate($"mqtts://{address.Mqtt}", UriKind.Absolute, out var mqtt)
            || mqtt is not { Port: > 0, PathAndQuery: "" or "/", UserInfo: "" })
            problems.Add($"mqtt '{address.Mqtt}' must be of the form HOST:PORT.");
        return problems;
    }
}

/// <summary>What operators may ask about the server itself.</summary>
internal static class ServerMoveEndpoints
{
    /// <summary>Maps <c>/api/v1/server</c>.</summary>
    public static void MapServerMoves(this IEndpointRouteBuilder operators)
    {
        var server = operators.MapGroup("/api/v1/server");
        server.MapGet("/", async (Caller caller, ServerMoves moves, CancellationToken cancellationToken)
            => Results.Json(await moves.ViewAsync(caller.Devices, cancellationToken), FleetJson.Default.ServerView)).ForViewers()
            .Tells<ServerView>("GetServer", "Shows where devices reach the server, and where it moves to.");
        server.MapPost("/move", MoveAsync).ForAdmins().Takes<ServerAddresses>()
            .Tells<ServerView>("MoveServer", "Announces the server's next address to devices in signed orders.");
        server.MapDelete("/move", async (ServerMoves moves, CancellationToken cancellationToken)
            => Results.Json(await moves.AnnounceAsync(null, cancellationToken), FleetJson.Default.ServerView)).ForAdmins()
            .Tells<ServerView>("CancelMove", "Takes an announced address back.");
    }

    private static async Task<IResult> MoveAsync(HttpRequest request, ServerMoves moves, CancellationToken cancellationToken)
    {
        var sent = await RequestBody.ReadAsync(request, FleetJson.Strict.ServerAddresses, cancellationToken);
        if (sent.Value is not { } address) return sent.Problem!.ToResult();
        return ServerMoves.ProblemsOf(address) is { Count: > 0 } problems
            ? Refusal.Invalid("The address is not valid.", problems).ToResult()
            : Results.Json(await moves.AnnounceAsync(address, cancellationToken), FleetJson.Default.ServerView);
    }
}
