using System.Collections.Concurrent;
using Fleet.Contracts.Telemetry;

namespace Fleet.Agent.Inference;

/// <summary>The variants in service, one for each model. A swap is one assignment: requests see the old variant or the new one.</summary>
internal sealed class ModelTable
{
    private readonly ConcurrentDictionary<string, LoadedModel> _serving = new();
    /// <summary>Models that do not serve, and why.</summary>
    private readonly ConcurrentDictionary<string, string> _explained = new();
    private readonly Lock _changing = new();
    /// <summary>In service, or swapped out with statistics still to be drained.</summary>
    private readonly List<LoadedModel> _counted = [];

    /// <summary>True when at least one model serves.</summary>
    public bool Ready => !_serving.IsEmpty;

    /// <summary>The variant that serves <paramref name="model"/>, with a lease for the caller to release; null when none does.</summary>
    public LoadedModel? Acquire(string model)
    {
        // A variant that is freed between the two steps has already been replaced: the next look finds its successor.
        while (_serving.TryGetValue(model, out var serving))
        {
            if (serving.TryAcquire()) return serving;
        }
        return null;
    }

    /// <summary>Puts loaded variants into service; those before them answer the requests they have begun.</summary>
    public void Serve(IReadOnlyList<LoadedModel> models)
    {
        var before = new List<LoadedModel>();
        lock (_changing)
        {
            foreach (var model in models)
            {
                if (_serving.TryGetValue(model.Description.Model, out var replaced)) before.Add(replaced);
                _counted.Add(model);
                _serving[model.Description.Model] = model;
                _explained.TryRemove(model.Description.Model, out _);
            }
        }
        foreach (var model in before) model.Release();
    }

    /// <summary>Why a model does not serve; null when nobody said.</summary>
    public string? Explain(string model) => _explained.GetValueOrDefault(model);

    /// <summary>Takes a model out of service.</summary>
    public void Retire(string model, string? because)
    {
        if (because is null) _explained.TryRemove(model, out _);
        else _explained[model] = because;
        if (_serving.TryRemove(model, out var before)) before.Release();
    }

    /// <summary>Statistics of every variant that was asked something since the last call.</summary>
    public IReadOnlyList<InferenceStats> Drain()
    {
        lock (_changing)
        {
            // Freed is read before the statistics are: what is dropped from the list has nothing left to count.
            LoadedModel[] freed = [.. _counted.Where(model => model.Freed)];
            InferenceStats[] drained = [.. _counted.Select(model => model.Tally.Drain()).OfType<InferenceStats>()];
            foreach (var model in freed) _counted.Remove(model);
            return drained;
        }
    }
}
