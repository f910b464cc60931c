using System.Net;
using System.Threading.Channels;
using Fleet.Contracts;
using Fleet.Server.Messaging;

namespace Fleet.Server.Audit;

/// <summary>
/// Notes refused connections of devices. A device that is refused comes again for ever, and a stranger as often as the network lets it:
/// each gets some lines an hour, and one that counts the rest.
/// </summary>
internal sealed class ConnectionAudit(AuditTrail trail, TimeProvider time) : BackgroundService, IRefusalObserver
{
    /// <summary>Lines of one device, or of one address, in <see cref="Window"/>.</summary>
    public const int Lines = 5;

    /// <summary>How long a window is.</summary>
    public static readonly TimeSpan Window = TimeSpan.FromHours(1);

    private const int MostCallers = 1000;
    private const int MostWaiting = 1000;
    private const int LongestName = 128;

    private readonly AuditQuota _quota = new(time, Lines, Window, MostCallers);
    private readonly Channel<AuditEntry> _waiting = Channel.CreateBounded<AuditEntry>(
        new BoundedChannelOptions(MostWaiting) { FullMode = BoundedChannelFullMode.DropWrite });

    /// <inheritdoc/>
    public void Refused(RefusedConnection refusal)
    {
        var from = refusal.From is IPEndPoint address ? address.Address.ToString() : "";
        // What nobody proved is no name to count by: a stranger has as many as it likes.
        var caller = refusal.Device is { } device ? $"device {device}" : $"somebody at {from}";
        if (!_quota.Takes(caller)) return;
        var claimed = refusal.Claimed is { Length: > LongestName } name ? $"{name[..LongestName]}…" : refusal.Claimed;
        var who = refusal.Device is not null ? caller : claimed is { Length: > 0 } ? $"somebody who says '{claimed}'" : "nobody";
        _waiting.Writer.TryWrite(new AuditEntry(time.GetUtcNow(), who, from, "connection of a device", null)
        {
            Why = Limits.Detail(refusal.Reason),
        });
    }

    /// <inheritdoc/>
    public override async Task StopAsync(CancellationToken cancellationToken)
    {
        await base.StopAsync(cancellationToken);
        while (_waiting.Reader.TryRead(out var entry)) await trail.AppendAsync(entry);
        await SummarizeAsync(all: true);
    }

    /// <inheritdoc/>
    protected override Task ExecuteAsync(CancellationToken stoppingToken)
        => Task.WhenAll(WriteAsync(stoppingToken), SummarizeOnAsync(stoppingToken));

    private async Task WriteAsync(CancellationToken stoppingToken)
    {
        await foreach (var entry in _waiting.Reader.ReadAllAsync(stoppingToken)) await trail.AppendAsync(entry);
    }

    private async Task SummarizeOnAsync(CancellationToken stoppingToken)
    {
        while (true)
        {
            await _quota.WaitAsync(stoppingToken);
            await Task.Delay(Window, time, stoppingToken);
            await SummarizeAsync(all: false);
        }
    }

    private async Task SummarizeAsync(bool all)
    {
        foreach (var (caller, attempts) in _quota.End(all))
            await trail.AppendAsync(new AuditEntry(
                time.GetUtcNow(), "fleet-server", "", $"{attempts} more connections of {caller} were refused within an hour.", null));
    }
}
