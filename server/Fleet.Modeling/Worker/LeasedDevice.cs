using Fleet.Contracts.Http;
using Fleet.Modeling.Search;
using Fleet.Platform;

namespace Fleet.Modeling.Worker;

/// <summary>The device that the spec of a leased build names, as the build has it time files: through the server.</summary>
internal sealed class LeasedDevice(FleetServer server, LeaseResponse lease, WorkerOptions options, TimeProvider time)
{
    /// <summary>A minute more than the server waits for the device.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(3);

    private string _trouble = "the device did not answer";

    /// <summary>The same, to be called by the thread of a build, which has nothing else to do meanwhile.</summary>
    public TimingView Time(IReadOnlyList<LocalTimedFile> files, CancellationToken cancellationToken)
        => TimeAsync(files, cancellationToken).GetAwaiter().GetResult();

    /// <summary>Uploads files, has them timed and waits for the answer, which may be that there is none.</summary>
    /// <exception cref="LeaseLostException">The build is not this worker's any more.</exception>
    private async Task<TimingView> TimeAsync(IReadOnlyList<LocalTimedFile> files, CancellationToken cancellationToken)
    {
        using var patience = new CancellationTokenSource(Patience, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, patience.Token);
        try
        {
            return await AnsweredAsync(files, either.Token);
        }
        catch (RefusedException e)
        {
            return new TimingView(true, [], e.Message);
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            return new TimingView(true, [], $"The server told nothing within {Patience.TotalMinutes:0} minutes: {_trouble}.");
        }
    }

    private async Task<TimingView> AnsweredAsync(IReadOnlyList<LocalTimedFile> files, CancellationToken cancellationToken)
    {
        var request = new TimingRequest(lease.LeaseId, [.. files.Select(file => file.File)]);
        var (uploaded, failures) = (false, 0);
        while (true)
        {
            var wait = options.PollInterval;
            try
            {
                foreach (var file in uploaded ? [] : files)
                {
                    await server.UploadAsync(file.File.Model, file.ModelPath, cancellationToken);
                    await server.UploadAsync(file.File.Samples, file.SamplesPath, cancellationToken);
                }
                uploaded = true;
                var view = await server.TimeAsync(lease.BuildId, request, cancellationToken);
                if (view.IsOver) return view;
                failures = 0;
            }
            catch (HttpRequestException e)
            {
                _trouble = e.Message;
                wait = Backoff.Next(Random.Shared, ++failures, options.FirstRetry, options.MaximumRetry);
            }
            await Task.Delay(wait, time, cancellationToken);
        }
    }
}
