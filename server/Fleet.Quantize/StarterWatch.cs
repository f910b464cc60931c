using Fleet.Platform;

namespace Fleet.Quantize;

/// <summary>Ends this process when the one that started it has ended: nobody would take its results.</summary>
internal static class StarterWatch
{
    /// <summary>Says who started this process; a starter that is gone already is not the parent any more.</summary>
    private const string Variable = "FLEET_QUANTIZE_STARTER";

    /// <summary>Begins to watch, until this process ends.</summary>
    public static void Begin() => _ = Task.Run(async () =>
    {
        if (!int.TryParse(Environment.GetEnvironmentVariable(Variable), out var starter)) starter = ParentProcess.Id;
        await ParentProcess.GoneAsync(starter, TimeProvider.System, CancellationToken.None);
        // Native code that runs a model is not asked: it may take minutes to look.
        ProcessSignals.Send(Environment.ProcessId, ProcessSignal.Kill);
    });
}
