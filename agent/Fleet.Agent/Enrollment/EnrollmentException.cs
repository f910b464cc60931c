namespace Fleet.Agent.Enrollment;

/// <summary>The device could not be enrolled, or is not. The message says why and what to do.</summary>
internal sealed class EnrollmentException(string message, EnrollmentFailure failure, Exception? cause = null) : Exception(message, cause)
{
    /// <summary>The kind of failure, which decides the exit code.</summary>
    public EnrollmentFailure Failure { get; } = failure;
}
