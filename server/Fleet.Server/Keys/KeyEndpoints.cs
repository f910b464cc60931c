using System.Text.Json;
using Fleet.Contracts;
using Fleet.Contracts.Http;
using Fleet.Contracts.Releases;
using Fleet.Server.Http;
using Fleet.Server.Settings;
using Fleet.Server.Storage;

namespace Fleet.Server.Keys;

/// <summary>The room of keys: what it registers, and what admins may call.</summary>
internal static class KeyEndpoints
{
    /// <summary>Registers the room. Its keys are made at the first start.</summary>
    public static IServiceCollection AddKeys(this IServiceCollection services) => services
        .AddSingleton(
            provider => FleetKeys.OpenOrCreate(
                KeyPlaces.In(
                    KeyFolder.In(provider.GetRequiredService<FleetOptions>().DataFolder), provider.GetRequiredService<KeysOptions>(),
                    provider.GetRequiredService<SecurityModule>()),
                provider.GetRequiredService<RootsAtStart>().Known, provider.GetRequiredService<TimeProvider>()))
        .AddSingleton<SecurityModule>()
        .AddSingleton<RootsAtStart>()
        .AddDocument("roots", KeysJson.Default.KnownRoots)
        .AddSingleton<IRootObserver, RootRecord>()
        .AddSingleton(
            provider => new SigningClock(
                Path.Combine(provider.GetRequiredService<FleetOptions>().DataFolder, "clock.json"),
                provider.GetRequiredService<TimeProvider>()))
        .AddSingleton<RootWatch>()
        .AddHostedService(provider => provider.GetRequiredService<RootWatch>());

    /// <summary>Maps <c>/api/v1/keys</c>.</summary>
    public static void MapKeys(this IEndpointRouteBuilder operators)
    {
        var keys = operators.MapGroup("/api/v1/keys").ForAdmins();
        keys.MapGet("/", (FleetKeys held, SigningClock clock) => Results.Json(held.View(clock), FleetJson.Default.KeysView))
            .Tells<KeysView>("GetKeys", "Shows whose keys count.");
        keys.MapGet("/roots", (FleetKeys held) => Results.Json(held.Roots, FleetJson.Default.IReadOnlyListDsseEnvelope))
            .Tells<IReadOnlyList<DsseEnvelope>>("ListRoots", "Lists every root, signed.");
        keys.MapPost("/changes", PrepareAsync).Takes<RootChange>().Tells<DsseEnvelope>("PrepareRoot", "Prepares the next root.");
        keys.MapPost("/roots", ApplyAsync).Takes<DsseEnvelope>().Tells<KeysView>("ApplyRoot", "Makes a signed root count.");
        keys.MapPost("/time-anchor", async (
            FleetKeys held, SigningClock clock, RootWatch watch, CancellationToken cancellationToken) =>
        {
            var before = clock.Anchor;
            clock.Vouch();
            Note("clock", $$"""{"anchor":{{before}}}""", $$"""{"anchor":{{clock.Anchor}}}""");
            await watch.TellAsync(cancellationToken);
            return Results.Json(held.View(clock), FleetJson.Default.KeysView);
        }).Tells<KeysView>("AnchorTime", "Vouches for the server's clock.");
    }

    private static async Task<IResult> PrepareAsync(
        HttpRequest request, FleetKeys keys, SigningClock clock, CancellationToken cancellationToken)
    {
        var asked = await RequestBody.ReadAsync(request, FleetJson.Strict.RootChange, cancellationToken);
        return asked.Value is null
            ? asked.Problem!.ToResult()
            : keys.Prepare(asked.Value, clock.Now()).ToResult(FleetJson.Default.DsseEnvelope);
    }

    private static async Task<IResult> ApplyAsync(
        HttpRequest request, FleetKeys keys, SigningClock clock, RootWatch watch, CancellationToken cancellationToken)
    {
        var sent = await RequestBody.ReadAsync(request, FleetJson.Strict.DsseEnvelope, cancellationToken, 2 * Limits.RootBytes);
        if (sent.Value is null) return sent.Problem!.ToResult();
        var before = keys.Root;
        if (keys.Apply(sent.Value) is { } refused) return refused.ToResult();
        Note(
            "root", JsonSerializer.Serialize(before, FleetJson.Default.TrustRoot),
            JsonSerializer.Serialize(keys.Root, FleetJson.Default.TrustRoot));
        await watch.TellAsync(cancellationToken);
        return Results.Json(keys.View(clock), FleetJson.Default.KeysView);
    }

    /// <summary>Keys are files and not documents, so the audit trail is told of them here.</summary>
    private static void Note(string name, string before, string after)
        => CommitWitness.Current?.Saw(1, _ => new CommittedChange(name, before, after));
}
