// Package alerts says who should hear of trouble, and sees to it that they do.
//
// # How trouble becomes a message
//
// Where credentials are looked at, [Watch] is told what was seen. It touches memory
// alone; [Watch.Run] hands what has gathered to [Service.Raise] every few seconds.
// There, in one transaction, trouble with the same thing is counted in one alert, and
// if it is worth a message, one for each channel of the organization goes into the
// outbox. [Service.Run] takes messages out of it, several at once, and again later what
// does not arrive, for a day. What is to be sent is in the database: it survives the
// process, and no request waits for a mail server.
//
// The package knows neither HTTP nor SMTP: a [Messenger] does.
package alerts
