using System.Text.Json;
using Fleet.Agent.Disk;
using Fleet.Contracts;
using Fleet.Contracts.State;
using Fleet.Contracts.Trust;
using Fleet.Platform;
using Microsoft.Extensions.Logging;

namespace Fleet.Agent.Orders;

/// <summary>
/// Files that the newest order has this device time, and what came of them. What came of them is on disk before it is reported, so that
/// nothing is timed twice; what is ordered is not, since the server says it at every connect.
/// </summary>
internal sealed partial class OrderedTimings
{
    private readonly Lock _lock = new();
    private readonly DataFolder _folder;
    private readonly TimeProvider _time;
    private IReadOnlyList<OrderedTiming> _ordered = [];
    private IReadOnlyList<ReportedTiming> _answers = [];
    private DateTimeOffset _issuedAt;
    private long _receivedAt;
    private TaskCompletionSource _changed = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>Reads what an earlier run has timed.</summary>
    public OrderedTimings(DataFolder folder, TimeProvider time, ILogger<OrderedTimings> logger)
    {
        (_folder, _time) = (folder, time);
        if (DurableFile.Read(folder.Timings) is not { } content) return;
        try { _answers = JsonSerializer.Deserialize(content, WireJson.Default.IReadOnlyListReportedTiming) ?? []; }
        catch (JsonException e) { LogUnreadable(logger, folder.Timings, e.Message); }
    }

    /// <summary>What came of what is ordered or was lately, for the report.</summary>
    public IReadOnlyList<ReportedTiming> Answers
    {
        get { lock (_lock) return _answers; }
    }

    /// <summary>Takes what an accepted order has this device time.</summary>
    /// <param name="ordered">The files; null for none.</param>
    /// <param name="issuedAt">When the order was signed, by the clock that says when they expire.</param>
    public void Set(IReadOnlyList<OrderedTiming>? ordered, DateTimeOffset issuedAt)
    {
        lock (_lock)
        {
            (_ordered, _issuedAt, _receivedAt) = (ordered ?? [], issuedAt, _time.GetTimestamp());
            _changed.TrySetResult();
            _changed = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        }
    }

    /// <summary>The next file to be timed; null when there is none.</summary>
    /// <param name="changed">Completes when another order came since.</param>
    public OrderedTiming? Next(out Task changed)
    {
        lock (_lock)
        {
            changed = _changed.Task;
            // Counted from receipt: the time that this device trusts may lie ahead of the server's by days.
            var passed = _time.GetElapsedTime(_receivedAt);
            return _ordered.FirstOrDefault(
                timing => timing.ExpiresAt - _issuedAt > passed && !_answers.Any(answer => IsOf(answer, timing)));
        }
    }

    /// <summary>Keeps what came of a file. What is no longer ordered goes with it: the server has it, or nobody waits for it.</summary>
    public void Answer(ReportedTiming answer)
    {
        lock (_lock)
        {
            IReadOnlyList<ReportedTiming> answers = [
                .. _answers.Where(known => _ordered.Any(timing => IsOf(known, timing))).TakeLast(Limits.TimingsPerOrder - 1), answer,
            ];
            DurableFile.Write(
                _folder.Timings, JsonSerializer.SerializeToUtf8Bytes(answers, WireJson.Default.IReadOnlyListReportedTiming));
            _answers = answers;
        }
    }

    private static bool IsOf(ReportedTiming answer, OrderedTiming timing)
        => answer.Build == timing.Build && answer.Sha256 == timing.Timed.Model.Sha256;

    [LoggerMessage(LogLevel.Error, "{Path} is not readable as timings ({Reason}); what is ordered is timed again.")]
    private static partial void LogUnreadable(ILogger logger, string path, string reason);
}
