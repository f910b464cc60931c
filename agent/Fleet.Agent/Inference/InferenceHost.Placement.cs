namespace Fleet.Agent.Inference;

/// <summary>What the host remembers of a model.</summary>
internal sealed partial class InferenceHost
{
    /// <summary>One model that should serve, and how often the host died with it.</summary>
    /// <param name="model">The model.</param>
    /// <param name="place">Its place in the order in which models came.</param>
    private sealed class Placement(ServedModel model, long place)
    {
        private readonly TaskCompletionSource<string> _givenUp = new(TaskCreationOptions.RunContinuationsAsynchronously);
        private readonly List<long> _deaths = [];

        public ServedModel Model { get; } = model;

        /// <summary>Larger than that of every model that came before; the same for models that came together.</summary>
        public long Place { get; } = place;

        /// <summary>Deaths that count, as of the last one.</summary>
        public int Deaths => _deaths.Count;

        public int DeathsWhileLoading { get; set; }

        /// <summary>Completes with a sentence when the host died too often since the model was activated.</summary>
        public Task<string> GivenUp => _givenUp.Task;

        /// <summary>Records one more death and returns how many lie within the window.</summary>
        public int DeathsWithin(TimeSpan window, TimeProvider time)
        {
            _deaths.Add(time.GetTimestamp());
            _deaths.RemoveAll(death => time.GetElapsedTime(death) > window);
            return _deaths.Count;
        }

        public void ForgetDeaths() => _deaths.Clear();

        public void GiveUp(string reason) => _givenUp.TrySetResult(reason);
    }
}
