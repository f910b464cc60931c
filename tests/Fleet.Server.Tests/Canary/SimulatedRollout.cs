using System.Runtime.InteropServices;
using Fleet.Server.Canary;

namespace Fleet.Server.Tests.Canary;

/// <summary>What a simulated release does to the devices that take it.</summary>
/// <param name="Name">In words.</param>
internal sealed record Effect(string Name)
{
    /// <summary>Share of the devices it does that to.</summary>
    public double Share { get; init; } = 1;

    /// <summary>Added to the share of requests that fail.</summary>
    public double Errors { get; init; }

    /// <summary>What the share of requests that fail is multiplied by.</summary>
    public double ErrorsTimes { get; init; } = 1;

    /// <summary>What the time of an inference is multiplied by.</summary>
    public double LatencyTimes { get; init; } = 1;

    /// <summary>Taken from the mean confidence.</summary>
    public double Confidence { get; init; }

    /// <summary>How much the whole fleet's errors and latency move in five minutes, as a deviation of their logarithm.</summary>
    public double Weather { get; init; } = 0.1;

    /// <summary>The most that it adds to the logarithm of the load while the rollout runs: a day that begins.</summary>
    public double Morning { get; init; }

    /// <summary>Chance that a device runs into trouble of its own within five minutes, whatever it serves, and for half an hour.</summary>
    public double Trouble { get; init; }
}

/// <summary>
/// One rollout over devices that differ (error rates by a factor of seven within two deviations, latencies of 7 to 54 ms, traffic), whose
/// minutes hang together (each device drifts by itself, the whole fleet by its weather), in waves of 5 % and 25 %.
/// </summary>
internal sealed class SimulatedRollout
{
    private const int BaselineSteps = 12;
    private const int ReadEachStep = 8;
    private const double MinutesOfStep = 5;
    private const int TroubleSteps = 6;
    private const double Memory = 0.8;
    private static readonly double Renewal = Math.Sqrt(1 - Memory * Memory);

    private readonly Random _random;
    private readonly Effect _effect;
    private readonly Simulated[] _devices;
    private double _weather;
    private double _latencyWeather;
    private int _step;

    public SimulatedRollout(Random random, Effect effect, int devices = 200)
    {
        (_random, _effect) = (random, effect);
        _devices = [.. Enumerable.Range(0, devices).Select(_ => new Simulated
        {
            PerMinute = 60 * Math.Exp(0.7 * Normal()),
            ErrorRate = Math.Min(0.3, 0.003 * Math.Exp(Normal())),
            Latency = Math.Log(0.02) + 0.5 * Normal(),
            Confidence = 0.85 + 0.05 * Normal(),
            Suffers = random.NextDouble() < effect.Share,
        })];
    }

    /// <summary>Devices told in the waves that are judged.</summary>
    public int Told => _devices.Length / 4;

    /// <summary>Reads one candidate after the other.</summary>
    public IEnumerable<CanaryLook> Looks()
    {
        for (var i = 0; i < BaselineSteps; i++) Step();
        var from = 0;
        foreach (var end in (int[])[_devices.Length / 20, _devices.Length / 4])
        {
            var opened = _step;
            for (var device = from; device < end; device++) _devices[device].Serves = true;
            Step(); // Downloads and validates.
            for (var device = from; device < end; device++)
            {
                if ((device - from) % ReadEachStep == 0) Step();
                yield return new CanaryLook(
                    ReadingOf(_devices[device], opened), [.. _devices[end..].Select(other => ReadingOf(other, opened))],
                    [.. _devices[from..device].Select(other => ReadingOf(other, opened))]);
            }
            from = end;
        }
    }

    private Reading ReadingOf(Simulated device, int opened)
    {
        if (device.Read is { } read && read.Opened == opened && read.Step == _step) return read.Reading;
        var before = device.Read?.Opened == opened
            ? device.Read.Value.Reading.Before
            : MeasureOf(CollectionsMarshal.AsSpan(device.Steps)[(opened - BaselineSteps)..opened]);
        var reading = new Reading(before, MeasureOf(CollectionsMarshal.AsSpan(device.Steps)[^1..]));
        device.Read = (opened, _step, reading);
        return reading;
    }

    private static Measure MeasureOf(ReadOnlySpan<SimulatedStep> steps)
    {
        double requests = 0, errors = 0, latency = 0, confidence = 0;
        foreach (var step in steps)
        {
            requests += step.Requests;
            errors += step.Errors;
            latency += step.Requests * step.Latency;
            confidence += step.Requests * step.Confidence;
        }
        return new Measure
        {
            Requests = requests,
            Errors = errors,
            Latency = Math.Exp(latency / requests),
            Confidence = confidence / requests,
        };
    }

    private void Step()
    {
        _step++;
        _weather += _effect.Weather * Normal() + (_step > BaselineSteps ? _effect.Morning / 10 : 0);
        _latencyWeather += _effect.Weather / 3 * Normal() + (_step > BaselineSteps ? _effect.Morning / 30 : 0);
        foreach (var device in _devices) Step(device);
    }

    private void Step(Simulated device)
    {
        device.Load = Memory * device.Load + Renewal * Normal();
        device.Bursts = Memory * device.Bursts + Renewal * Normal();
        if (_effect.Trouble > 0 && _random.NextDouble() < _effect.Trouble) device.TroubledUntil = _step + TroubleSteps;
        var troubled = _step < device.TroubledUntil;
        var hit = device.Serves && device.Suffers;
        var requests = Math.Max(30, Math.Round(device.PerMinute * MinutesOfStep * Math.Exp(0.2 * Normal())));
        var rate = device.ErrorRate * Math.Exp(0.5 * device.Bursts + _weather);
        if (hit) rate = rate * _effect.ErrorsTimes + _effect.Errors;
        if (troubled) rate += 0.3;
        device.Steps.Add(new SimulatedStep(
            requests,
            Math.Min(requests, Poisson(requests * Math.Min(0.9, rate))),
            device.Latency + 0.1 * device.Load + _latencyWeather + 0.6 * Normal() / Math.Sqrt(requests)
                + (hit ? Math.Log(_effect.LatencyTimes) : 0) + (troubled ? Math.Log(2) : 0),
            device.Confidence + 0.01 * device.Load + 0.1 * Normal() / Math.Sqrt(requests) - (hit ? _effect.Confidence : 0)
                - (troubled ? 0.2 : 0)));
    }

    private double Normal()
        => Math.Sqrt(-2 * Math.Log(1 - _random.NextDouble())) * Math.Cos(2 * Math.PI * _random.NextDouble());

    private double Poisson(double mean)
    {
        if (mean > 50) return Math.Max(0, Math.Round(mean + Math.Sqrt(mean) * Normal()));
        var (limit, product, count) = (Math.Exp(-mean), _random.NextDouble(), 0);
        for (; product > limit; count++) product *= _random.NextDouble();
        return count;
    }

    private readonly record struct SimulatedStep(double Requests, double Errors, double Latency, double Confidence);

    private sealed class Simulated
    {
        public double PerMinute { get; init; }

        public double ErrorRate { get; init; }

        public double Latency { get; init; }

        public double Confidence { get; init; }

        public bool Suffers { get; init; }

        public bool Serves { get; set; }

        public int TroubledUntil { get; set; }

        public double Load { get; set; }

        public double Bursts { get; set; }

        public List<SimulatedStep> Steps { get; } = [];

        public (int Opened, int Step, Reading Reading)? Read { get; set; }
    }
}
