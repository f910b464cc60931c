using System.Net.Http.Headers;
using System.Text.Json;
using Fleet.Contracts;
using Fleet.Contracts.Http;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Fleet.Agent.Enrollment;

/// <summary>Renews the device's certificate while the old one is still valid, with a new key each time.</summary>
internal sealed partial class CertificateRenewal(
    DeviceCredentials credentials, TrustedTime trusted, TimeProvider time, ILogger<CertificateRenewal> logger) : BackgroundService
{
    /// <summary>How often the certificate's age is checked. Certificates live for months, so an hour is soon enough.</summary>
    private static readonly TimeSpan Interval = TimeSpan.FromHours(1);

    private static readonly TimeSpan Deadline = TimeSpan.FromSeconds(60);

    /// <summary>True in the last third of the certificate's life, which leaves many chances before it ends. Pure.</summary>
    internal static bool IsDue(DateTimeOffset notBefore, DateTimeOffset notAfter, DateTimeOffset now)
        => now > notAfter - ((notAfter - notBefore) / 3);

    /// <inheritdoc/>
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(Interval, time);
        do
        {
            try
            {
                var certificate = credentials.Certificate;
                if (IsDue(certificate.NotBefore, certificate.NotAfter, trusted.Latest())) await RenewAsync(stoppingToken);
            }
            catch (Exception e) when (e is not OperationCanceledException)
            {
                LogNotRenewed(credentials.Certificate.NotAfter, e.Message);
            }
        }
        while (await timer.WaitForNextTickAsync(stoppingToken));
    }

    /// <summary>Fetches a new certificate and puts it to use.</summary>
    /// <exception cref="EnrollmentException">The server refused, or its answer is unusable.</exception>
    public async Task RenewAsync(CancellationToken cancellationToken)
    {
        var identity = credentials.Identity;
        var (privateKey, signingRequest) = DeviceKey.Create(identity.Device);
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        limit.CancelAfter(Deadline);
        using var http = credentials.OpenHttp();
        var request = JsonSerializer.SerializeToUtf8Bytes(new RenewRequest(signingRequest), FleetJson.Default.RenewRequest);
        using var content = new ByteArrayContent(request);
        content.Headers.ContentType = new MediaTypeHeaderValue("application/json");
        using var response = await http.PostAsync("/renew", content, limit.Token);
        var renewed = await ServerAnswer.ReadAsync(response, limit.Token);

        // A renewal brings a certificate, nothing else: the CA stays, keys change by roots that are signed, addresses by orders.
        if (DeviceKey.ProblemOf(renewed.Certificate, privateKey, credentials.Authority, identity.Device) is { } problem)
            throw new EnrollmentException(problem, EnrollmentFailure.Refused);
        trusted.Advance(renewed.ServerTime);
        credentials.Change(now => now with { Certificate = renewed.Certificate, PrivateKey = privateKey });
        LogRenewed(credentials.Certificate.NotAfter);
    }

    [LoggerMessage(LogLevel.Information, "The device's certificate was renewed and is valid until {NotAfter:u}.")]
    private partial void LogRenewed(DateTime notAfter);

    [LoggerMessage(LogLevel.Warning,
        "The device's certificate, valid until {NotAfter:u}, was not renewed: {Reason} The next try is in an hour.")]
    private partial void LogNotRenewed(DateTime notAfter, string reason);
}
